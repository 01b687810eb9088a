import { createHash } from 'node:crypto';

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** The answer to AuthenticationMD5Password: md5(md5(password + user) + salt). */
export const md5Password = (user: string, password: string, salt: Uint8Array): string =>
  `md5${md5(Buffer.concat([Buffer.from(md5(Buffer.from(password + user, 'utf8'))), salt]))}`;
