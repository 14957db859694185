/**
 * How often an exchange looks again when the run, the grant or the task changed under it. Each change that comes first
 * is somebody else's success, so as many as ask at once for errands of one run all get their turn.
 */
export const ATTEMPTS = 64
