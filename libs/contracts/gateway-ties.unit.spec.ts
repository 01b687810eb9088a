import { generateKeyPairSync } from 'node:crypto';
import { keyIdOf } from './event-signature.js';
import { parseGatewayTies, speaksFor } from './gateway-ties.js';
import { parseTrustedKeys } from './key-files.js';

const ONE = '01890000-0000-7000-8000-000000000001';
const TWO = '01890000-0000-7000-8000-000000000002';
const OTHER = '01890000-0000-7000-8000-000000000003';

const newKey = () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  return { id: keyIdOf(publicKey), pem: publicKey.export({ format: 'pem', type: 'spki' }) as string };
};

describe('the ties of gateway keys', () => {
  const [tied, free] = [newKey(), newKey()];
  const file = `# production\ngateway: ${ONE}, ${TWO}\n${tied.pem}\n# anywhere\n${free.pem}`;

  it('let a key speak for the gateways named before it alone, and one without a line for any', () => {
    const ties = parseGatewayTies(file);
    expect([ONE, TWO, OTHER].map((id) => speaksFor(ties, tied.id, id))).toEqual([true, true, false]);
    expect(speaksFor(ties, free.id, OTHER)).toBe(true);
    expect([...parseTrustedKeys(file).keys()]).toEqual([tied.id, free.id]);
  });

  it('are refused when they name no gateway or no key', () => {
    expect(() => parseGatewayTies(`gateway: one\n${tied.pem}`)).toThrow(/"one" is not the id of a gateway/);
    expect(() => parseGatewayTies(`${tied.pem}\ngateway: ${ONE}\n`)).toThrow(/no key/);
  });
});
