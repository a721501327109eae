import { describe, expect, it } from 'vitest';

import { KEPT, LogLines } from '../src/detail/lines';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the lines of a log', () => {
  it('are put together from pieces that end anywhere', () => {
    const log = new LogLines();
    const whole = bytes('één\ntwo\nthr');
    log.push(whole.subarray(0, 1), 0);
    log.push(whole.subarray(1, 7), 1);
    log.push(whole.subarray(7), 7);
    expect(log.lines).toEqual(['één', 'two', 'thr']);
    log.push(bytes('ee\n'), whole.length);
    expect(log.lines).toEqual(['één', 'two', 'three']);
  });

  it('are not repeated when the log is read again from its beginning', () => {
    const log = new LogLines();
    log.push(bytes('one\ntw'), 0);
    log.push(bytes('one\ntwo\nthree\n'), 0);
    log.push(bytes('one\n'), 0);
    expect(log.lines).toEqual(['one', 'two', 'three']);
  });

  it('are the last ones of a long log, and it says how many went', () => {
    const log = new LogLines();
    const count = 3 * KEPT;
    log.push(bytes(Array.from({ length: count }, (_, n) => `line ${n}\n`).join('')), 0);
    expect(log.lines.at(-1)).toBe(`line ${count - 1}`);
    expect(log.lines.length).toBeLessThanOrEqual(KEPT + KEPT / 4);
    expect(log.dropped + log.lines.length).toBe(count);
  });
});
