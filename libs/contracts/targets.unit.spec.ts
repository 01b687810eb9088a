import { parseTargets } from './targets.js';

const file = (entry: string): string => `targets:\n  shop: { ${entry} }\n`;
const good =
  'kind: postgres, url: "postgresql://app:${SHOP_PASSWORD}@db.internal:5432/shop?sslmode=verify-full", environment: production';

describe('parseTargets', () => {
  it('reads a target and takes its password from the environment, whatever is in it', () => {
    expect(parseTargets(file(good), { SHOP_PASSWORD: 'p@ss/w:rd' }).get('shop')).toMatchObject({
      host: 'db.internal',
      port: 5432,
      user: 'app',
      password: 'p@ss/w:rd',
      database: 'shop',
      sslMode: 'verify-full',
      recording: 'strict',
      environment: 'production',
    });
  });

  it.each([
    [good, {}, 'SHOP_PASSWORD is not set'],
    [good.replace('verify-full', 'allow'), { SHOP_PASSWORD: 'x' }, 'sslmode must be one of'],
    [good.replace('sslmode', 'options'), { SHOP_PASSWORD: 'x' }, 'parameter options'],
    ['kind: mysql, url: "mysql://x", environment: test', {}, 'targets.shop.kind'],
    ['kind: postgres, url: "mysql://x@y/z", environment: test', {}, 'targets.shop.url'],
    [`${good}, recording: sometimes`, { SHOP_PASSWORD: 'x' }, 'targets.shop.recording'],
    [`${good}, colour: blue`, { SHOP_PASSWORD: 'x' }, 'targets.shop'],
  ])('names what is wrong with %s', (entry, environment, problem) => {
    expect(() => parseTargets(file(entry), environment)).toThrow(problem);
  });

  it('takes no file without targets', () => {
    expect(() => parseTargets('targets: {}', {})).toThrow('there is none');
    expect(() => parseTargets('nothing: here', {})).toThrow('targets');
  });
});
