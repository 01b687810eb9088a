/** Injection tokens of what every service has. */
export const LOGGER = Symbol('Logger');
export const METRICS = Symbol('Registry');
export const HEALTH = Symbol('Health');
export const TOKEN_VERIFIER = Symbol('TokenVerifier');
