/** How large a condition may be, of a rule or of risk. */
export const CEL_LIMITS = {
  maxAstNodes: 2_000,
  maxDepth: 64,
  maxListElements: 500,
  maxMapEntries: 100,
  maxCallArguments: 16,
} as const;
