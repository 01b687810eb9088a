/**
 * Whether a text is one plain address (RFC 5321's dot-string, no quotes, no comments, no list): nothing in it can
 * end a header or an SMTP command.
 */
export const isMailAddress = (text: string): boolean =>
  text.length <= 254 &&
  /^[A-Za-z0-9!#$%&'*+/?^_`{|}~-]{1,64}(\.[A-Za-z0-9!#$%&'*+/?^_`{|}~-]{1,64}){0,16}@([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}$/.test(
    text,
  );
