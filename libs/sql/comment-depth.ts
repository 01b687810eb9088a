/** What may start outside a comment; quoted text is passed over as a whole. */
const OUTSIDE =
  /--[^\n\r]*|\/\*|\b[eE]'(?:[^'\\]|''|\\[\s\S])*'|'[^']*'|"[^"]*"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/g;

/** Inside a comment only its own marks count. */
const INSIDE = /\/\*|\*\//g;

/**
 * How deeply block comments nest; looks no further once that is above `limit`. The server's scanner takes time quadratic in this depth. Quoted text is
 * passed over, so that `'/*'` counts for nothing; a mistake here costs time only, never meaning.
 */
export function commentDepth(text: string, limit: number): number {
  if (!text.includes('/*')) return 0;
  let depth = 0;
  let deepest = 0;
  let position = 0;
  for (;;) {
    const pattern = depth === 0 ? OUTSIDE : INSIDE;
    pattern.lastIndex = position;
    const step = pattern.exec(text)?.[0];
    if (step === undefined || deepest > limit) return deepest;
    position = pattern.lastIndex;
    if (step === '/*') deepest = Math.max(deepest, ++depth);
    else if (step === '*/') depth -= 1;
    else if (step.startsWith('$')) {
      const end = text.indexOf(step, position);
      if (end === -1) return deepest;
      position = end + step.length;
    }
  }
}
