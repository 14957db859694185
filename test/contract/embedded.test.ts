import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedStores } from '../../src/storage/embedded/open.js'
import { describeStores, type OpenStores } from './describe-stores.js'

const open: OpenStores = async (clock) => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-embedded-'))
  const stores = await openEmbeddedStores({ directory: join(folder, 'data'), clock })
  return {
    ...stores,
    async close() {
      await stores.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

describeStores('the embedded store', open)
