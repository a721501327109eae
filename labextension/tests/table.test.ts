import { describe, expect, it } from 'vitest';

import { parseEntry, writeEntry } from '../src/table';

describe('a cache setting', () => {
  it.each([
    ['type=inline', 'inline', {}],
    ['type=registry,ref=me.test/a:b,mode=max', 'registry', { ref: 'me.test/a:b', mode: 'max' }],
    ['type=s3,"name=a,b"', 's3', { name: 'a,b' }],
    ['type=s3,"name=say ""hi"""', 's3', { name: 'say "hi"' }],
    ['ref=x=y,type=registry', 'registry', { ref: 'x=y' }]
  ])('%s is taken apart', (text, type, attrs) => {
    expect(parseEntry(text)).toEqual({ type, attrs });
  });

  it.each(['type=registry,ref=a', 'type=s3,"name=a,b",region=x', 'type=s3,"name=""q"""'])(
    '%s is written as it was',
    text => expect(writeEntry(parseEntry(text))).toBe(text)
  );

  it('leaves out what is empty', () => {
    expect(writeEntry({ type: 'local', attrs: { dest: '/x', tag: '' } })).toBe(
      'type=local,dest=/x'
    );
  });
});
