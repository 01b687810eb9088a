import { z } from 'zod';

const userSchema = z.object({
  id: z.string(),
  team_id: z.string().optional(),
  name: z.string().optional(),
  deleted: z.boolean().optional(),
  is_bot: z.boolean().optional(),
  is_app_user: z.boolean().optional(),
  is_restricted: z.boolean().optional(),
  is_ultra_restricted: z.boolean().optional(),
  is_stranger: z.boolean().optional(),
  is_workflow_bot: z.boolean().optional(),
  is_email_confirmed: z.boolean().optional(),
  enterprise_user: z.object({ teams: z.array(z.string()).optional() }).optional(),
  profile: z.object({ real_name: z.string().optional(), email: z.string().optional() }).optional(),
});

/** What Slack says of one of its users. */
export type SlackUser = z.output<typeof userSchema>;

export const readSlackUser = (user: unknown): SlackUser | undefined => userSchema.safeParse(user).data;

/** Why a Slack user cannot decide, whoever it is linked to; undefined for a full member of the workspace. */
export function barredInSlack(
  user: SlackUser,
  ownTeam: string,
  teams: readonly (string | undefined)[],
): string | undefined {
  if (user.deleted === true) return 'This Slack account is deactivated.';
  if (user.is_bot === true || user.is_workflow_bot === true || user.id === 'USLACKBOT')
    return 'Only people decide: bots and apps never do.';
  if (user.is_stranger === true) return STRANGER;
  const ofOwn =
    user.team_id === undefined
      ? teams.includes(ownTeam)
      : user.team_id === ownTeam || (user.enterprise_user?.teams ?? []).includes(ownTeam);
  if (!ofOwn || teams.some((team) => team !== undefined && team !== ownTeam && team !== user.team_id))
    return STRANGER;
  if (user.is_restricted === true || user.is_ultra_restricted === true)
    return 'Guests of the workspace do not decide.';
  return undefined;
}

const STRANGER = 'Only members of this workspace decide: your Slack account belongs to another one.';
