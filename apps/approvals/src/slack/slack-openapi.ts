import { z } from 'zod';
import { linkBodySchema } from './slack-links.controller.js';

const body = z.toJSONSchema(linkBodySchema, { io: 'input' });
const problem = (description: string): object => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
const json = (description: string): object => ({
  description,
  content: { 'application/json': { schema: { type: 'object' } } },
});

/** The paths of the Slack side, for the OpenAPI document. */
export const slackPaths: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  '/slack/events': {
    post: {
      summary: "Where Slack delivers events and interactivity: Slack's signature instead of a token",
      security: [],
      responses: {
        '200': { description: 'Stored, or of no concern' },
        '401': problem('The signature is missing, forged, late, of the future or was used before'),
        '404': problem('Slack is not configured here over HTTP'),
        '503': { description: 'It could not be stored: nothing was received' },
      },
    },
  },
  '/v1/slack/links': {
    post: {
      summary: 'Links the Slack account that was shown this one-time code to whoever is signed in',
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
      responses: {
        '200': json('Who is linked to which account'),
        '401': problem('No valid bearer token'),
        '403': problem('Only people of the directory link an account'),
        '404': problem('The code is not known, was used, or is too old'),
        '409': problem('The account, or the person, belongs to another one; `code` says which'),
      },
    },
    delete: {
      summary: "Ends the link of one's Slack account",
      responses: { '200': json('Whether there was one'), '401': problem('No valid bearer token') },
    },
  },
};
