import fc from 'fast-check'
import type { Due } from '../../src/grants/deadline-store.js'
import type { GrantStatus } from '../../src/grants/grant.js'
import type { Claim, DeferralRecord, GrantRecord, Whereabouts } from '../../src/grants/grant-store.js'
import type { Issuance, TaskRecord } from '../../src/grants/issuance-store.js'
import type { Stores } from '../../src/grants/stores.js'
import { sha256Hex } from '../../src/runtime/digest.js'
import { type Ids, randomIds, SHARDS, type Shard } from '../../src/runtime/ids.js'
import type { TurnableClock } from './clock.js'
import { byId, found, listAll } from './store-dump.js'
import { aClaim, anEvent, uniqueKey, Workshop } from './store-records.js'

/** What a verb answered, and in one word what kind of answer that is (for the distribution). */
export interface Answer {
  readonly kind: string
  readonly value: unknown
}

/** One store under test, and what its callers remember of it: values that only this store can tell. */
export interface Player {
  readonly stores: Stores
  readonly runVersions: Map<string, number>
}

/** The same call for every store. */
export interface Call {
  readonly verb: Verb
  play(player: Player): Promise<Answer>
  /** Tells the world what has happened, once all stores have answered alike. */
  settle?(answer: Answer): void
}

/** A verb, and numbers that choose among what there is to choose from when its turn comes. */
export interface Step {
  readonly verb: Verb
  readonly picks: readonly number[]
}

/** How often each verb is tried, and every kind of answer that it can give: all of them must be reached. */
const VERBS = {
  'grants.find': [12, ['ended', 'open']],
  'grants.read': [2, ['some', 'none']],
  'grants.list': [3, ['some', 'none']],
  'grants.request': [
    20,
    ['requested', 'equal_pending', 'cooling_down', 'claim_taken', 'run_ended', 'too_many_pending'],
  ],
  'grants.revise': [12, ['revised', 'conflict']],
  'grants.expire': [6, ['some', 'none']],
  'grants.forget': [3, ['forgotten', 'kept']],
  'grants.reservePending': [6, ['reserved', 'full']],
  'grants.releasePending': [1, ['done']],
  'deferrals.join': [6, ['joined', 'closed', 'claim_taken', 'full']],
  'deferrals.poll': [12, ['unknown', 'too_fast', 'redeemed', 'cancelled', 'open']],
  'deferrals.cancel': [3, ['unknown', 'cancelled']],
  'issuance.record': [
    40,
    [
      'recorded',
      'repeated',
      'conflict',
      'claim_taken',
      'run_ended',
      'grant_ended',
      'task_ended',
      'parent_ended',
      'over_tasks',
      'over_children',
      'ticket_used',
      'deferral_closed',
    ],
  ],
  'issuance.confirm': [3, ['done']],
  'issuance.claim': [3, ['claimed', 'taken']],
  'issuance.look': [8, ['live', 'dead', 'none']],
  'issuance.endCredential': [4, ['ended', 'already', 'unknown']],
  'tasks.read': [2, ['some', 'none']],
  'tasks.renew': [4, ['renewed', 'ended', 'unknown']],
  'tasks.end': [8, ['ended', 'already', 'not_lapsed', 'conflict', 'unknown']],
  'deadlines.takeDue': [6, ['some', 'none']],
  'deadlines.drop': [2, ['done']],
  'deadlines.lag': [3, ['behind', 'in time']],
  'certificates.endsAfter': [6, ['some', 'none']],
  'certificates.forgetEnds': [1, ['done']],
  'evidence.append': [2, ['done']],
  'evidence.read': [3, ['some', 'none']],
  'evidence.heads': [1, ['done']],
  'keys.load': [1, ['some', 'none']],
  'keys.save': [3, ['saved', 'conflict']],
  ready: [1, ['done']],
  'the clock turns': [10, ['done']],
} as const satisfies Record<string, readonly [number, readonly string[]]>

export type Verb = keyof typeof VERBS

const names = Object.keys(VERBS) as Verb[]

export const REACHABLE: readonly string[] = names.flatMap((verb) => VERBS[verb][1].map((kind) => `${verb}: ${kind}`))

const verbs = fc.oneof(...names.map((verb) => ({ weight: VERBS[verb][0], arbitrary: fc.constant(verb) })))

/** At least forty steps. */
export const sequences: fc.Arbitrary<{ shard: Shard; steps: readonly Step[] }> = fc.record({
  shard: fc.nat(63),
  steps: fc.array(fc.record({ verb: verbs, picks: fc.array(fc.nat(9999), { minLength: 8, maxLength: 8 }) }), {
    minLength: 40,
    maxLength: 80,
    size: 'max',
  }),
})

interface Kept {
  record: GrantRecord
  readonly joinKey: string | undefined
  forgotten: boolean
}

const ENDS: readonly GrantStatus[] = ['denied', 'withdrawn', 'expired', 'completed', 'revoked']
const DAY = 86_400

/** One workload, what is known of it so far, and how a step becomes a call. */
export class World {
  readonly #shop: Workshop
  readonly #clock: TurnableClock
  readonly #wheres: readonly Whereabouts[]
  readonly #grants: Kept[] = []
  readonly #tasks: TaskRecord[] = []
  readonly #issuances: Issuance[] = []
  readonly #codes: DeferralRecord[] = []
  readonly #claims: readonly Claim[]
  readonly #tickets: readonly Claim[]
  readonly #holders = [uniqueKey('holder'), uniqueKey('holder')]
  readonly #joinKeys = [uniqueKey('join')]
  readonly #groups = ['platform ä']
  #due: readonly Due[] = []
  #redeemed: string | undefined
  #ring = 0
  #picks: readonly number[] = []

  constructor(shard: Shard, clock: TurnableClock) {
    this.#shop = new Workshop(shard, countedIds())
    this.#clock = clock
    const runs = [this.#shop.where, this.#shop.run(), this.#shop.run()]
    this.#wheres = runs.flatMap((where) => [where, this.#shop.run(where.run)])
    const until = clock.now() + 30 * DAY
    this.#claims = ['', '', 'task:1', 'task:2'].map((binding) => aClaim({ binding, until }))
    this.#tickets = [1, 2, 3].map(() => aClaim({ until }))
  }

  call({ verb, picks }: Step): Call {
    this.#picks = picks
    return { verb, ...this.#make(verb) }
  }

  /** The next number, below `limit`. */
  #pick(limit: number): number {
    const [first = 0, ...rest] = this.#picks
    this.#picks = [...rest, first]
    return first % limit
  }

  /** Once in so many. */
  #rarely(times: number): boolean {
    return this.#pick(times) === 0
  }

  #one<T>(values: readonly T[]): T | undefined {
    return values[this.#pick(Math.max(1, values.length))]
  }

  /** Of the last few: what belongs together was made together. */
  #recent<T>(values: readonly T[], count = 4): T | undefined {
    return this.#one(values.slice(-count))
  }

  #where(): Whereabouts {
    return this.#one(this.#wheres) ?? this.#shop.where
  }

  #someClaims(): readonly Claim[] {
    if (!this.#rarely(3)) return []
    const claim = this.#one(this.#claims)
    if (!claim) return []
    return [this.#rarely(3) ? { ...claim, binding: 'task:1' } : claim]
  }

  #grantId(): GrantRecord['id'] {
    const known = this.#one(this.#grants)?.record.id
    return known === undefined || this.#rarely(8) ? this.#shop.grant().id : known
  }

  /** Tasks of grants that were forgotten go sooner or later: nobody asks for them. */
  #liveTasks(): readonly TaskRecord[] {
    const forgotten = new Set(this.#grants.filter((kept) => kept.forgotten).map(({ record }) => record.id))
    return this.#tasks.filter(({ grantId }) => !forgotten.has(grantId))
  }

  #taskId(): TaskRecord['id'] {
    const known = this.#recent(this.#liveTasks(), 6)?.id
    return known === undefined || this.#rarely(8) ? this.#shop.task(this.#shop.grant()).id : known
  }

  #credentialId(): Issuance['credential']['id'] {
    const known = this.#recent(this.#issuances, 6)?.credential.id
    return known === undefined || this.#rarely(10)
      ? this.#shop.credential(this.#shop.task(this.#shop.grant())).id
      : known
  }

  #make(verb: Verb): Omit<Call, 'verb'> {
    switch (verb) {
      case 'grants.find':
        return this.#find()
      case 'grants.read': {
        const id = this.#grantId()
        return { play: async ({ stores }) => someOrNone(await stores.grants.read(id)) }
      }
      case 'grants.list':
        return this.#list()
      case 'grants.request':
        return this.#request()
      case 'grants.revise':
        return this.#revise()
      case 'grants.expire':
        return this.#expire()
      case 'grants.forget':
        return this.#forget()
      case 'grants.reservePending':
        return this.#reserve()
      case 'grants.releasePending': {
        const [group, id] = [this.#one(this.#groups) ?? '', this.#grantId()]
        return { play: ({ stores }) => nothing(stores.grants.releasePending(group, id)) }
      }
      case 'deferrals.join':
        return this.#join()
      case 'deferrals.poll':
        return this.#poll()
      case 'deferrals.cancel':
        return this.#cancel()
      case 'issuance.record':
        return this.#record()
      case 'issuance.confirm': {
        const ids = [this.#credentialId(), this.#credentialId()]
        return { play: ({ stores }) => nothing(stores.issuance.confirm(ids)) }
      }
      case 'issuance.claim': {
        const claim = this.#one([...this.#claims, ...this.#tickets]) ?? aClaim()
        const [shard, now] = [this.#shop.shard, this.#clock.now()]
        return { play: async ({ stores }) => word(await stores.issuance.claim(shard, claim, now)) }
      }
      case 'issuance.look': {
        const [id, now] = [this.#credentialId(), this.#clock.now()]
        return {
          play: async ({ stores }) => {
            const value = await stores.issuance.look(id, now)
            return { kind: value === undefined ? 'none' : value.live ? 'live' : 'dead', value }
          },
        }
      }
      case 'issuance.endCredential': {
        const [id, how, now] = [
          this.#credentialId(),
          this.#rarely(2) ? 'revoked' : 'voided',
          this.#clock.now(),
        ] as const
        const events = [this.#shop.event('credential.revoked')]
        return { play: async ({ stores }) => word(await stores.issuance.endCredential(id, how, now, events)) }
      }
      case 'tasks.read': {
        const id = this.#taskId()
        return { play: async ({ stores }) => someOrNone(await stores.tasks.read(id)) }
      }
      case 'tasks.renew': {
        const [id, until] = [this.#taskId(), this.#clock.now() + this.#pick(2000)]
        const events = [this.#shop.event('task.renewed')]
        return { play: async ({ stores }) => word(await stores.tasks.renew(id, until, events)) }
      }
      case 'tasks.end':
        return this.#end()
      case 'deadlines.takeDue': {
        const [shard, now, limit] = [this.#shop.shard, this.#clock.now(), 1 + this.#pick(5)]
        return {
          play: async ({ stores }) => {
            const value = await stores.deadlines.takeDue(shard, now, 30, limit)
            return { kind: value.length > 0 ? 'some' : 'none', value }
          },
          settle: ({ value }) => {
            this.#due = value as readonly Due[]
          },
        }
      }
      case 'deadlines.drop': {
        const [shard, due] = [this.#shop.shard, this.#due]
        return { play: ({ stores }) => nothing(stores.deadlines.drop(shard, due)) }
      }
      case 'deadlines.lag': {
        const now = this.#clock.now()
        return {
          play: async ({ stores }) => {
            const value = await stores.deadlines.lag(now)
            return { kind: value.seconds > 0 ? 'behind' : 'in time', value }
          },
        }
      }
      case 'certificates.endsAfter': {
        const [now, limit] = [this.#clock.now(), 1 + this.#pick(20)]
        return { play: async ({ stores }) => someOrNoneOf(await endsWithCertificates(stores, now, limit)) }
      }
      case 'certificates.forgetEnds': {
        const [shard, through] = [this.#shop.shard, this.#pick(3)]
        return { play: ({ stores }) => nothing(stores.certificates.forgetEnds(shard, through)) }
      }
      case 'evidence.append': {
        const events = Array.from({ length: 1 + this.#pick(3) }, () => this.#shop.event('exchange.refused'))
        return { play: ({ stores }) => nothing(stores.evidence.append(events)) }
      }
      case 'evidence.read': {
        const [shard, after, limit] = [this.#shop.shard, this.#pick(40), 1 + this.#pick(50)]
        return {
          play: async ({ stores }) => {
            const value = await stores.evidence.read(shard, after, limit)
            return { kind: value.length > 0 ? 'some' : 'none', value }
          },
        }
      }
      case 'evidence.heads':
        return { play: async ({ stores }) => ({ kind: 'done', value: await stores.evidence.heads() }) }
      case 'keys.load':
        return { play: async ({ stores }) => someOrNone(await stores.keys.load()) }
      case 'keys.save': {
        const [from, sealed] = [this.#rarely(3) ? this.#ring + 1 : this.#ring, uniqueKey('ring')]
        const events = [anEvent(0, 'key.rotated')]
        return {
          play: async ({ stores }) => word(await stores.keys.save(from, sealed, events)),
          settle: ({ kind }) => {
            if (kind === 'saved') this.#ring += 1
          },
        }
      }
      case 'ready':
        return { play: async ({ stores }) => ({ kind: 'done', value: Object.keys(await stores.ready()) }) }
      case 'the clock turns': {
        const seconds = this.#one([1, 2, 4, 6, 31, 90, 400, 1000]) ?? 1
        return {
          play: () => nothing(Promise.resolve()),
          settle: () => {
            this.#clock.advance(seconds)
          },
        }
      }
    }
  }

  #find(): Omit<Call, 'verb'> {
    const where = this.#where()
    const forgotten = new Set(this.#grants.filter((kept) => kept.forgotten).map(({ record }) => record.id))
    return {
      play: async ({ stores, runVersions }) => {
        const { runVersion, tasks, ...rest } = await found(stores, where)
        const changed = runVersions.get(where.run) !== runVersion
        runVersions.set(where.run, runVersion)
        const value = { ...rest, tasks: tasks.filter(({ grantId }) => !forgotten.has(grantId)), changed }
        return { kind: rest.runEnded ? 'ended' : 'open', value }
      },
    }
  }

  #list(): Omit<Call, 'verb'> {
    const status = this.#one([undefined, 'pending', 'active', ...ENDS] as const)
    const anchor = this.#rarely(2) ? { shard: this.#shop.shard, key: this.#shop.anchor } : undefined
    const filter = { ...(status && { status }), ...(anchor && { anchor }) }
    const limit = 1 + this.#pick(4)
    return {
      play: async ({ stores }) => {
        const value = byId(await listAll(stores, filter, limit))
        return { kind: value.length > 0 ? 'some' : 'none', value }
      },
    }
  }

  #request(): Omit<Call, 'verb'> {
    const now = this.#clock.now()
    const status = this.#rarely(3) ? 'active' : 'pending'
    const index = this.#rarely(3) ? { anchor: this.#shop.anchor } : { run: this.#where().run }
    const record = this.#shop.grant({
      status,
      index,
      maxTasks: 1 + this.#pick(3),
      deadline: now + 100 + this.#pick(3000),
      document: `{"text":"${this.#one(['plain', 'Grüße', '🚀\\n']) ?? ''}"}`,
    })
    const joinKey = status === 'pending' && this.#rarely(2) ? this.#one(this.#joinKeys) : undefined
    const deferral = status === 'pending' && !this.#rarely(4) ? this.#deferral(record) : undefined
    const request = this.#shop.request(record, {
      claims: this.#someClaims(),
      pendingLimit: this.#rarely(4) ? 2 : 100,
      now,
      ...(joinKey !== undefined && { joinKey }),
      ...(deferral && { deferral }),
    })
    return {
      play: async ({ stores }) => kindOf(await stores.grants.request(request)),
      settle: ({ kind }) => {
        if (kind !== 'requested') return
        this.#grants.push({ record, joinKey, forgotten: false })
        if (deferral) this.#codes.push(deferral)
      },
    }
  }

  #deferral(record: GrantRecord): DeferralRecord {
    const holder = this.#one(this.#holders) ?? ''
    return this.#shop.deferral(record, { holder, expiresAt: this.#clock.now() + DAY })
  }

  #revise(): Omit<Call, 'verb'> {
    const kept = this.#recent(this.#grants, 6)
    const before = kept?.record ?? this.#shop.grant()
    const now = this.#clock.now()
    const status =
      this.#one<GrantStatus>([
        before.status,
        ...(['active', 'active', 'active'] as const),
        this.#one(ENDS) ?? 'revoked',
        ...(kept?.joinKey === undefined ? (['denied'] as const) : (['denied', 'denied', 'denied'] as const)),
      ]) ?? 'active'
    // Nobody takes a grant back to pending.
    const next = before.status !== 'pending' && status === 'pending' ? 'active' : status
    const revision = this.#shop.revision(
      before,
      { status: next, deadline: now + this.#pick(2000), document: `{"revised":${this.#pick(100)}}` },
      {
        at: now,
        ...(kept?.joinKey !== undefined && next !== 'pending' && { joinKey: kept.joinKey }),
        ...(kept?.joinKey !== undefined &&
          next === 'denied' && { coolDown: { joinKey: kept.joinKey, until: now + 300 + this.#pick(3000) } }),
      },
    )
    const stale = this.#rarely(5) ? { ...revision, from: before.version + 1 } : revision
    return {
      play: async ({ stores }) => word(await stores.grants.revise(stale)),
      settle: ({ kind }) => {
        if (kind === 'revised' && kept) kept.record = stale.record
      },
    }
  }

  /** Due or not, known or not, some of them twice. */
  #expire(): Omit<Call, 'verb'> {
    const now = this.#clock.now()
    const due = this.#grants.filter(({ record: { status, deadline } }) => !ENDS.includes(status) && deadline <= now)
    const ids = Array.from({ length: this.#pick(5) }, () =>
      this.#rarely(2) ? this.#grantId() : (this.#one(due)?.record.id ?? this.#grantId()),
    )
    const expiries = ids.map((id) => ({ id, events: [this.#shop.event('grant.expired')] }))
    const keptUntil = now + this.#pick(2000)
    return {
      play: async ({ stores }) => {
        const value = await stores.grants.expire(this.#shop.shard, expiries, now, keptUntil)
        return { kind: value.length > 0 ? 'some' : 'none', value }
      },
      settle: ({ value }) => {
        const expired = new Set(value as readonly GrantRecord['id'][])
        for (const kept of this.#grants.filter(({ record }) => expired.has(record.id))) {
          const version = kept.record.version + 1
          kept.record = { ...kept.record, version, status: 'expired', deadline: keptUntil }
        }
      },
    }
  }

  #forget(): Omit<Call, 'verb'> {
    const now = this.#clock.now()
    const open = new Set(this.#tasks.filter(({ state }) => state === 'open').map(({ grantId }) => grantId))
    const kept = this.#one(this.#grants.filter(({ record }) => !open.has(record.id)))
    const id = kept?.record.id ?? this.#shop.grant().id
    return {
      play: async ({ stores }) => {
        await stores.grants.forget(id, now)
        const value = await stores.grants.read(id)
        return { kind: value ? 'kept' : 'forgotten', value }
      },
      settle: ({ kind }) => {
        if (kind === 'forgotten' && kept) kept.forgotten = true
      },
    }
  }

  #reserve(): Omit<Call, 'verb'> {
    const [group, id, now] = [this.#one(this.#groups) ?? '', this.#grantId(), this.#clock.now()]
    const until = now + 1 + this.#pick(5000)
    return { play: async ({ stores }) => word(await stores.grants.reservePending(group, id, until, 2, now)) }
  }

  #join(): Omit<Call, 'verb'> {
    const pending = this.#grants.filter(({ record }) => record.status === 'pending')
    const kept = this.#one(this.#rarely(3) ? this.#grants : pending)
    const deferral = this.#deferral(kept?.record ?? this.#shop.grant())
    const claims = this.#someClaims()
    const events = [this.#shop.event('grant.joined')]
    return {
      play: async ({ stores }) => word(await stores.deferrals.join(deferral, claims, events, 2)),
      settle: ({ kind }) => {
        if (kind === 'joined') this.#codes.push(deferral)
      },
    }
  }

  #code(): { hash: string; holder: string } {
    const redeemed = this.#codes.find((one) => one.hash === this.#redeemed)
    const code = redeemed && this.#rarely(2) ? redeemed : this.#recent(this.#codes, 3)
    const hash = code === undefined || this.#rarely(10) ? uniqueKey('code') : code.hash
    const holder = code === undefined || this.#rarely(8) ? uniqueKey('holder') : code.holder
    return { hash, holder }
  }

  #poll(): Omit<Call, 'verb'> {
    const { hash, holder } = this.#code()
    const [shard, nowMs] = [this.#shop.shard, this.#clock.nowMs()]
    return { play: async ({ stores }) => kindOf(await stores.deferrals.poll(shard, hash, holder, nowMs)) }
  }

  #cancel(): Omit<Call, 'verb'> {
    const { hash, holder } = this.#code()
    const [shard, events] = [this.#shop.shard, [this.#shop.event('deferral.cancelled')]]
    return {
      play: async ({ stores: { deferrals } }) => {
        const grantId = await deferrals.grantOf(shard, hash, holder)
        const answer = { ...(await deferrals.cancel(shard, hash, holder, events)), grantId }
        return kindOf(answer)
      },
    }
  }

  #record(): Omit<Call, 'verb'> {
    const again = this.#rarely(12) ? this.#recent(this.#issuances) : undefined
    if (again)
      return { play: async ({ stores }) => ({ ...word(await stores.issuance.record(again)), kind: 'repeated' }) }
    const how = this.#pick(10)
    const task = this.#recent(this.#liveTasks())
    if (task && how < 5) return this.#recordRenewal(task)
    const active = this.#grants.filter(({ record }) => record.status === 'active')
    const waiting = active.filter(({ record }) => this.#codes.some(({ grantId }) => grantId === record.id))
    const kept = this.#recent(this.#rarely(8) ? this.#grants : this.#rarely(2) ? waiting : active)
    return this.#recordOpening(how < 8 ? kept?.record : undefined)
  }

  #recordOpening(grant: GrantRecord | undefined): Omit<Call, 'verb'> {
    const now = this.#clock.now()
    const ofIndex = grant && 'run' in grant.index ? grant.index.run : undefined
    const where = this.#one(this.#wheres.filter(({ run }) => ofIndex === undefined || run === ofIndex)) ?? this.#where()
    const made =
      grant ??
      this.#shop.grant({ index: { run: where.run }, maxTasks: this.#pick(4), deadline: now + 100 + this.#pick(3000) })
    const task = this.#shop.task(made, where, {
      leaseUntil: now + 10 + this.#pick(900),
      endsRun: this.#rarely(4),
      openedAt: now,
    })
    const rest = { ...this.#rest(made, task), leaseUntil: task.leaseUntil }
    const issuance = grant ? this.#shop.opening(made, task, 0, rest) : this.#shop.creating(made, task, 0, rest)
    const fresh = !this.#rarely(4)
    return {
      play: async (player) => {
        const runVersion = await versionOf(player, where, fresh)
        return word(await player.stores.issuance.record({ ...issuance, task: { open: task, runVersion } }))
      },
      settle: ({ kind }) => {
        if (kind !== 'recorded') return
        if (!grant) this.#grants.push({ record: made, joinKey: undefined, forgotten: false })
        this.#redeemed = issuance.deferral ?? this.#redeemed
        this.#tasks.push(task)
        this.#issuances.push(issuance)
      },
    }
  }

  #recordRenewal(task: TaskRecord): Omit<Call, 'verb'> {
    const kept = this.#grants.find(({ record }) => record.id === task.grantId)
    const grant = (this.#rarely(10) ? this.#one(this.#grants) : kept)?.record ?? this.#shop.grant()
    const version = this.#rarely(10) ? grant.version + 1 : grant.version
    const issuance = this.#shop.renewing({ ...grant, version }, task, this.#rest(grant, task))
    return {
      play: async ({ stores }) => word(await stores.issuance.record(issuance)),
      settle: ({ kind }) => {
        if (kind !== 'recorded') return
        this.#issuances.push(issuance)
        this.#redeemed = issuance.deferral ?? this.#redeemed
      },
    }
  }

  /** Claims, ancestors, ticket, code and times. */
  #rest(grant: GrantRecord, task: TaskRecord): Partial<Issuance> {
    const now = this.#clock.now()
    const parent = this.#rarely(3) ? this.#recent(this.#issuances)?.credential : undefined
    const ancestors = parent ? [...parent.ancestors, parent.id] : []
    const ticket = this.#rarely(2) ? this.#one(this.#tickets) : aClaim({ until: now + DAY })
    const holder = this.#one(this.#holders) ?? ''
    const handedOn = parent && ticket && { ticket, holder, maxChildren: this.#pick(3) }
    const code = !this.#rarely(3) ? this.#recent(this.#codes.filter(({ grantId }) => grantId === grant.id)) : undefined
    const deferral = code?.hash ?? (this.#rarely(15) ? uniqueKey('code') : undefined)
    return {
      claims: this.#someClaims(),
      leaseUntil: now + 10 + this.#pick(1500),
      credential: this.#shop.credential(task, {
        ancestors,
        expiresAt: now + 10 + this.#pick(900),
        ...(this.#rarely(3) && { certificate: { authority: '0123456789abcdef' } }),
      }),
      unsentAt: now + 5 + this.#pick(60),
      now,
      ...(handedOn && { handedOn }),
      ...(deferral !== undefined && { deferral }),
    }
  }

  #end(): Omit<Call, 'verb'> {
    const now = this.#clock.now()
    const id = this.#taskId()
    const task = this.#tasks.find((one) => one.id === id)
    const state = this.#one(['completed', 'abandoned', 'revoked'] as const) ?? 'completed'
    const kept = this.#grants.find(({ record }) => record.id === task?.grantId)
    const revised =
      kept && this.#rarely(3)
        ? this.#shop.revision(kept.record, { status: 'completed', deadline: now + 500 }, { at: now })
        : undefined
    const grant = revised && this.#rarely(3) ? { ...revised, from: revised.from + 1 } : revised
    const events = [this.#shop.event('task.completed')]
    const end = { id, state, at: now, events, ...(this.#rarely(3) && { onlyIfLapsed: now }), ...(grant && { grant }) }
    return {
      play: async ({ stores }) => word(await stores.tasks.end(end)),
      settle: ({ kind }) => {
        if (kind !== 'ended') return
        const at = this.#tasks.findIndex((one) => one.id === id)
        if (task) this.#tasks[at] = { ...task, state }
        if (grant && kept) kept.record = grant.record
      },
    }
  }
}

/** What the caller's last look said; a fresh look, or the one before. */
async function versionOf({ stores, runVersions }: Player, where: Whereabouts, fresh: boolean): Promise<number> {
  const known = runVersions.get(where.run)
  if (!fresh && known !== undefined) return known
  const { runVersion } = await stores.grants.find(where)
  runVersions.set(where.run, runVersion)
  return runVersion
}

/** Ids that are the same each time a seed is run. */
function countedIds(): Ids {
  let counter = 0
  const digits = (shard: Shard) => (0x40 | shard).toString(16) + sha256Hex(`id ${(counter += 1)}`).slice(0, 32)
  return {
    ...randomIds,
    grantId: (shard) => `gr_${digits(shard)}`,
    taskId: (shard) => `tk_${digits(shard)}`,
    credentialId: (shard) => `cr_${digits(shard)}`,
  }
}

const word = (value: string): Answer => ({ kind: value, value })
const kindOf = (value: { readonly kind: string }): Answer => ({ kind: value.kind, value })
const someOrNone = (value: unknown): Answer => ({ kind: value === undefined ? 'none' : 'some', value })

const someOrNoneOf = (value: readonly unknown[]): Answer => ({ kind: value.length > 0 ? 'some' : 'none', value })

/** Ends with what they took, without what stores may leave out: see the port. */
async function endsWithCertificates({ certificates }: Stores, now: number, limit: number) {
  const ends = await certificates.endsAfter(
    Array.from({ length: SHARDS }, () => 0),
    limit,
  )
  const expanded = await Promise.all(
    ends.map(async (end) => ({ ...end, certificates: byId(await certificates.certificatesOf(end)) })),
  )
  return expanded.filter((end) => end.certificates.some(({ expiresAt }) => expiresAt > now))
}

async function nothing(answer: Promise<void>): Promise<Answer> {
  await answer
  return { kind: 'done', value: undefined }
}
