// @ts-check
// The health check of the image: exit code 0 when the broker answers. It asks for /healthz, which says that the process is
// alive, not /readyz: a broker whose Redis is away must be left alone until it is back, not be started again.
const url = process.env['ERRAND_HEALTH_URL'] ?? 'http://127.0.0.1:9090/healthz'
try {
  const answer = await fetch(url, { signal: AbortSignal.timeout(4000), redirect: 'error' })
  await answer.body?.cancel()
  process.exitCode = answer.ok ? 0 : 1
} catch {
  process.exitCode = 1
}
