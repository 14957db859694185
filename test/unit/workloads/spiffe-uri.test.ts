import { describe, expect, test } from '@jest/globals'
import { parseSpiffeId } from '../../../src/workloads/spiffe-uri.js'

describe('SPIFFE-ID §2', () => {
  test.each([
    ['spiffe://prod.example.com/payments/web-fe', 'prod.example.com', '/payments/web-fe'],
    ['spiffe://prod.example.com', 'prod.example.com', ''],
    ['spiffe://prod_1/A.b_c-d', 'prod_1', '/A.b_c-d'],
  ])('%s', (text, trustDomain, path) => {
    expect(parseSpiffeId(text)).toEqual({ trustDomain, path })
  })

  test.each([
    '',
    'spiffe://',
    'spiffe:///path',
    'https://prod.example.com/x',
    'SPIFFE://prod.example.com/x',
    'spiffe://Prod.example.com/x',
    'spiffe://prod.example.com/',
    'spiffe://prod.example.com/x/',
    'spiffe://prod.example.com//x',
    'spiffe://prod.example.com/./x',
    'spiffe://prod.example.com/../x',
    'spiffe://prod.example.com/..',
    'spiffe://prod.example.com/x?y',
    'spiffe://prod.example.com/x#y',
    'spiffe://prod.example.com:8443/x',
    'spiffe://user@prod.example.com/x',
    'spiffe://prod.example.com/%2e%2e',
    'spiffe://prod.example.com/x y',
    'spiffe://prod.example.com/x\n',
    'spiffe://prod.example.com\\x',
    `spiffe://${'a'.repeat(256)}/x`,
    `spiffe://prod.example.com/${'a'.repeat(2048)}`,
  ])('%j is none', (text) => {
    expect(parseSpiffeId(text)).toBeUndefined()
  })
})
