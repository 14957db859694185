import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { describeEvents } from '../../../src/evidence/describe-event.js'
import type { ExchangeDeps } from '../../../src/exchange/dependencies.js'
import { issue, type HandedOn, type Plan } from '../../../src/exchange/issue.js'
import type { Issuance, Recorded } from '../../../src/grants/issuance-store.js'
import type { AccessTokenClaims } from '../../../src/issuance/jwt.js'
import { Fault } from '../../../src/runtime/fault.js'
import { TOKEN_TYPE } from '../../../src/oauth/urns.js'
import { randomIds, type CredentialId } from '../../../src/runtime/ids.js'
import { access, active, aRecord, asked, aWorkload, BROKER, joined, newId, NOW, SHARD } from '../grants/fixtures.js'

interface Bench {
  readonly deps: ExchangeDeps
  readonly recorded: Issuance[]
  readonly signed: AccessTokenClaims[]
  readonly unsent: CredentialId[]
  readonly order: string[]
}

/** An exchange whose store answers this, and whose key does that. */
function bench(answer: Recorded | Error = 'recorded', sign?: Error): Bench {
  const made = {
    recorded: [] as Issuance[],
    signed: [] as AccessTokenClaims[],
    unsent: [] as CredentialId[],
    order: [] as string[],
  }
  const deps = {
    issuer: BROKER,
    limits: { lease: 900 },
    credentialMac: { make: () => 'mac' },
    ids: randomIds,
    describe: describeEvents({ ids: randomIds, policyDigest: 'p' }),
    delivery: { unsent: (id: CredentialId) => void made.unsent.push(id) },
    stores: {
      issuance: {
        record: (issuance: Issuance) => {
          made.order.push('record')
          made.recorded.push(issuance)
          return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
        },
      },
    },
    tokens: {
      signAccessToken: (claims: AccessTokenClaims) => {
        made.order.push('sign')
        made.signed.push(claims)
        if (sign !== undefined) throw sign
        return 'a.b.c'
      },
    },
  } as unknown as ExchangeDeps
  return { deps, ...made }
}

const plan = (more: Partial<Plan> = {}): Plan => {
  const grant = active()
  return {
    where: { shard: SHARD, anchor: 'a', run: 'r', errand: 'e' },
    workload: aWorkload(),
    asked: asked(access('deploy:production')),
    access: access('deploy:production'),
    grant: { use: { grant, record: aRecord(grant) } },
    task: { open: { name: '', runVersion: 1, endsRun: true } },
    claims: [],
    lifetime: undefined,
    wanted: { type: 'jwt', urn: TOKEN_TYPE.accessToken },
    boundTo: undefined,
    now: NOW,
    ...more,
  }
}
const handedOn = (parentExpiresAt: number): HandedOn => ({
  sub: 'spiffe://errand.test/ci/74',
  parentId: randomIds.credentialId(SHARD),
  ancestors: [],
  parentExpiresAt,
  act: { sub: 'spiffe://errand.test/agents/one', act: { sub: 'spiffe://errand.test/ci/74' } },
  ticket: { key: 'k', binding: '', until: NOW + 60 },
  holder: 'spiffe://errand.test/ci/74',
  maxChildren: 1,
})

describe('contract §2, Lifetime: min(asked, tier, grant, parent)', () => {
  test('exp is never later than any bound, and is the least of them', async () => {
    const span = fc.integer({ min: 1, max: 7200 })
    const bounds = fc.record({
      lifetime: fc.option(span, { nil: undefined }),
      tier: span,
      credential: span,
      grant: span,
      parent: fc.option(span, { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(bounds, async ({ lifetime, tier, credential, grant, parent }) => {
        const opened = active(
          { credential: { types: ['jwt'], max_ttl_seconds: credential, binding: 'none' } },
          { expiresAt: NOW + grant },
        )
        const { deps, recorded, signed } = bench()
        const result = await issue(
          deps,
          plan({
            lifetime,
            asked: asked(access('deploy:production'), { tier: joined({ maxTtl: tier }) }),
            grant: { use: { grant: opened, record: aRecord(opened) } },
            ...(parent === undefined ? {} : { handedOn: handedOn(NOW + parent) }),
          }),
        )
        const least = Math.min(lifetime ?? Infinity, tier, credential, grant, parent ?? Infinity)
        expect(signed[0]).toMatchObject({ iat: NOW, nbf: NOW, exp: NOW + least })
        expect(recorded[0]?.credential.expiresAt).toBe(NOW + least)
        expect(result).toMatchObject({ recorded: { expiresIn: least } })
        // The lease never ends before the last credential does.
        expect(recorded[0]?.leaseUntil).toBeGreaterThanOrEqual(NOW + least)
      }),
    )
  })

  test.each([
    ['the grant is over', { expiresAt: NOW }, undefined],
    ['the grant has no end', { expiresAt: undefined }, undefined],
    ['the parent is over', {}, NOW],
  ])('%s: nothing is recorded or signed', async (_, change, parent) => {
    const grant = { ...active(), ...change } as ReturnType<typeof active>
    const { deps, order } = bench()
    const result = await issue(
      deps,
      plan({
        grant: { use: { grant, record: aRecord(active()) } },
        ...(parent === undefined ? {} : { handedOn: handedOn(parent) }),
      }),
    )
    expect(result).toEqual({ refused: 'no_time_left' })
    expect(order).toEqual([])
  })
})

describe('invariant 9: recorded as intended, then signed', () => {
  test('in this order, and with the evidence in the same step', async () => {
    const { deps, order, recorded, signed } = bench()
    await issue(deps, plan())
    expect(order).toEqual(['record', 'sign'])
    const types = recorded[0]?.events.map(({ after }) => /"type":"([^"]+)"/.exec(after)?.[1])
    expect(types).toEqual(['task.opened', 'credential.issued'])
    expect(signed[0]?.jti).toBe(recorded[0]?.credential.id)
  })

  test.each<Recorded>([
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
  ])('the store says %s: nothing is signed', async (answer) => {
    const { deps, signed, unsent } = bench(answer)
    expect(await issue(deps, plan())).toEqual({ refused: answer })
    expect([signed, unsent]).toEqual([[], []])
  })

  test('the store says nothing: nothing is signed, and what may stand there is voided', async () => {
    const down = new Fault('store_unavailable', 'down')
    const { deps, recorded, signed, unsent } = bench(down)
    await expect(issue(deps, plan())).rejects.toBe(down)
    expect(signed).toEqual([])
    expect(unsent).toEqual([recorded[0]?.credential.id])
  })

  test('it cannot be signed: what stands there is voided', async () => {
    const { deps, recorded, unsent } = bench('recorded', new Error('no key'))
    await expect(issue(deps, plan())).rejects.toMatchObject({ code: 'key_unavailable' })
    expect(unsent).toEqual([recorded[0]?.credential.id])
  })

  test('a grant by rule begins with its approval, and names the rules', async () => {
    const grant = active({ id: newId() })
    const { deps, recorded } = bench()
    await issue(deps, plan({ grant: { create: { grant, record: aRecord(grant) }, rules: ['a', 'b'] } }))
    const [approval] = recorded[0]?.events ?? []
    expect(approval?.before).toContain('"person":"rule:a+b"')
    expect(approval?.after).toContain('"type":"grant.activated"')
  })
})

describe('contract §2: the claims', () => {
  test('of a root: the same workload is named twice, and there is no act', async () => {
    const { deps, signed } = bench()
    await issue(deps, plan())
    expect(signed[0]).toMatchObject({ sub: 'spiffe://errand.test/ci/74', client_id: 'spiffe://errand.test/ci/74' })
    expect(signed[0]).not.toHaveProperty('act')
    expect(signed[0]).not.toHaveProperty('authorization_details')
  })

  test('of what was handed on: sub is whom people approved, client_id and act who acts', async () => {
    const { deps, signed } = bench()
    const workload = aWorkload({ spiffeId: 'spiffe://errand.test/agents/one' })
    await issue(deps, plan({ workload, handedOn: handedOn(NOW + 60) }))
    expect(signed[0]).toMatchObject({
      sub: 'spiffe://errand.test/ci/74',
      client_id: 'spiffe://errand.test/agents/one',
      act: { sub: 'spiffe://errand.test/agents/one', act: { sub: 'spiffe://errand.test/ci/74' } },
    })
  })

  test('without scope there is no scope', async () => {
    const { deps, signed } = bench()
    const details = [{ type: 'query' }]
    await issue(deps, plan({ access: access('', details) }))
    expect(signed[0]).not.toHaveProperty('scope')
    expect(signed[0]?.authorization_details).toEqual(details)
  })
})
