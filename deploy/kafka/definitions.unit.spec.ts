import { readFileSync } from 'node:fs';
import { definitions } from './definitions.js';

const fileOf = (name: string): unknown => JSON.parse(readFileSync(`deploy/kafka/${name}.json`, 'utf8'));

describe('the definitions that operators read', () => {
  it('are the ones the services go by (npm run kafka:admin -- topics > deploy/kafka/topics.json, and acls)', () => {
    const { topics, acls } = definitions('');
    expect(fileOf('topics')).toEqual(JSON.parse(JSON.stringify(topics)));
    expect(fileOf('acls')).toEqual(JSON.parse(JSON.stringify(acls)));
  });

  it('let a gateway write statements and requests, read decisions and control, and do nothing else', () => {
    const rules = definitions('').acls.gateway;
    const may = (operation: string): string[] =>
      rules.filter((rule) => rule.operations.some((each) => each === operation)).map(({ name }) => name);
    expect(may('WRITE')).toEqual(['statements', 'requests']);
    expect(may('READ')).toEqual(['decisions', 'control', 'tail-gateway-']);
    expect(may('DELETE')).toEqual([]);
  });

  it('let nobody trim control', () => {
    for (const rules of Object.values(definitions('').acls))
      for (const { name, operations } of rules)
        if (name === 'control') expect(operations).not.toContain('DELETE');
  });
});
