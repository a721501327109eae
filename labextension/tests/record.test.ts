import { describe, expect, it } from 'vitest';

import { dayOf } from '../src/record';

describe('dayOf', () => {
  const now = new Date(2026, 10, 25, 0, 30);
  const at = (...date: [number, number, number, number]): number =>
    new Date(...date).getTime() / 1000;

  it.each([
    [at(2026, 10, 25, 0), 'Today'],
    [at(2026, 10, 24, 23), 'Yesterday'],
    [at(2026, 10, 24, 0), 'Yesterday'],
    [at(2026, 10, 23, 12), 'Monday'],
    [at(2026, 10, 18, 12), '18 November 2026'],
    [at(2026, 10, 26, 0), 'Today'],
    [null, 'Some time ago']
  ])('names %s', (seconds, day) => {
    expect(dayOf(seconds, now, 'en-GB')).toBe(day);
  });
});
