import { describe, expect, test } from '@jest/globals'
import { faultOf } from '../../../../src/storage/redis/faults.js'

describe('what goes wrong with Redis', () => {
  test.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", 'redis is out of memory'],
    ['MISCONF Errors writing to the AOF file: No space left on device', 'redis cannot write to its disk'],
    ['LOADING Redis is loading the dataset in memory', 'redis is loading its data'],
    ["READONLY You can't write against a read only replica.", 'redis is a replica'],
    ['CLUSTERDOWN The cluster is down', 'the redis cluster is down'],
    ['BUSY Redis is busy running a script.', 'redis is busy with a script'],
    ['Command timed out', 'redis did not answer in time'],
    ['Connection is closed.', 'redis cannot be reached'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'redis cannot be reached'],
  ])('%s', (text, message) => {
    expect(faultOf(new Error(text))).toMatchObject({ code: 'store_unavailable', message })
  })

  test('invariant 10: the arguments that the client hangs on its errors are left behind', () => {
    const error = Object.assign(new Error('WRONGPASS invalid'), { command: { name: 'auth', args: ['secret-word'] } })
    const { cause } = faultOf(error)
    expect(JSON.stringify(cause, Object.getOwnPropertyNames(cause))).not.toContain('secret-word')
    expect(cause).toMatchObject({ message: 'WRONGPASS invalid' })
  })
})
