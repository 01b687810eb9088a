import { startTokenIssuer, type TokenIssuer } from '#libs/testing/token-issuer.js';
import { discoveringVerifier } from './token-verifier.js';

const AUDIENCE = 'countersign-api';

describe('discoveringVerifier', () => {
  let issuer: TokenIssuer;
  beforeEach(async () => {
    issuer = await startTokenIssuer();
  });
  afterEach(() => issuer.close());

  it('finds the keys of the issuer and reads who the token names', async () => {
    const verifier = discoveringVerifier({ issuer: issuer.issuer, audience: AUDIENCE });
    const claims = {
      preferred_username: 'etl-agent',
      groups: ['jobs'],
      countersign_kind: 'agent',
      countersign_owner: 'alice',
    };
    expect(await verifier.verify(await issuer.token('sub-1', AUDIENCE, claims))).toMatchObject({
      ok: true,
      identity: {
        name: 'etl-agent',
        kind: 'agent',
        issuer: issuer.issuer,
        subject: 'sub-1',
        groups: ['jobs'],
        onBehalfOf: 'alice',
      },
    });
  });

  it.each([
    ['for another audience', 'countersign-gateway', {}],
    ['that has expired', AUDIENCE, { exp: 1 }],
    ['of another issuer', AUDIENCE, { iss: 'http://127.0.0.1:1' }],
    ['of an agent without an owner', AUDIENCE, { countersign_kind: 'agent' }],
    ['with an unknown kind', AUDIENCE, { countersign_kind: 'root' }],
    ['whose groups are no list', AUDIENCE, { groups: 'dba' }],
  ])('refuses a token %s', async (_, audience, claims) => {
    const verifier = discoveringVerifier({ issuer: issuer.issuer, audience: AUDIENCE });
    const verified = await verifier.verify(await issuer.token('sub-1', audience, claims));
    expect(verified.ok).toBe(false);
    // A refusal of the token, which is not the same as not knowing.
    expect(verified).not.toHaveProperty('unavailable');
  });

  it('refuses as unavailable while the issuer is away, asks it once a second at most, and recovers', async () => {
    let [now, asked, away] = [0, 0, true];
    const verifier = discoveringVerifier(
      { issuer: issuer.issuer, audience: AUDIENCE },
      async (url) => {
        asked += 1;
        if (away) throw new Error('nobody there');
        return `${url}/jwks`;
      },
      () => now,
    );
    const token = await issuer.token('sub-1', AUDIENCE);
    for (let time = 0; time < 5; time += 1)
      expect(await verifier.verify(token)).toMatchObject({ ok: false, unavailable: true });
    expect(asked).toBe(1);
    away = false;
    now = 1_000;
    expect(await verifier.verify(token)).toMatchObject({ ok: true });
    expect(asked).toBe(2);
  });
});
