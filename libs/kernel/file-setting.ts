import { readFileSync } from 'node:fs';
import { messageOf } from './coded-error.js';
import { SettingError } from './settings.js';

/** What a setting's file holds. Throws SettingError, one line that names the variable, the file and the problem. */
export function fileSetting<T>(variable: string, file: string, parse: (text: string) => T): T {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SettingError(variable, `${file}: ${messageOf(error).split('\n')[0]}`);
  }
}
