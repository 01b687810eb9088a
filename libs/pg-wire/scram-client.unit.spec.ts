import { ScramClient } from './scram-client.js';

/** The exchange of RFC 7677, section 3; PostgreSQL leaves the user name empty, so the first message differs. */
const SERVER_FIRST = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';

describe('ScramClient', () => {
  it('answers with a proof for the exchange and checks the server’s', async () => {
    const client = new ScramClient('pencil', 'rOprNGfwEbeRWgbNEkqO');
    expect(client.first().toString()).toBe('n,,n=,r=rOprNGfwEbeRWgbNEkqO');
    const final = (await client.final(Buffer.from(SERVER_FIRST))).toString();
    expect(final).toMatch(
      /^c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj\)hNlF\$k0,p=[A-Za-z0-9+/]{43}=$/,
    );
    expect(() => client.verify(Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`))).toThrow(
      'did not prove',
    );
  });

  it.each([
    ['a nonce that is not ours', 'r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['our nonce alone', 'r=mine,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
    ['too many rounds', 'r=mineandyours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999'],
    ['something else', 'e=other-error'],
  ])('refuses %s', async (_name, challenge) => {
    await expect(new ScramClient('pencil', 'mine').final(Buffer.from(challenge))).rejects.toThrow();
  });
});
