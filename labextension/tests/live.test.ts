import { describe, expect, it } from 'vitest';

import { newest } from '../src/card/LiveCard';
import { readView, type BuildView } from '../src/view';
import words from './words.json';

function view(name: 'running' | 'succeeded', changes: Partial<BuildView> = {}): BuildView {
  const read = readView(words.views[name].view);
  if (!read) {
    throw new Error('the table holds no view');
  }
  return { ...read, ...changes };
}

describe('the newest of what is known of a build', () => {
  const saved = view('running', { elapsed: 3 });

  it('is what the server tells where the notebook was saved while it ran', () => {
    const live = view('running', { elapsed: 9 });
    expect(newest(saved, live, null)).toBe(live);
    const end = view('succeeded');
    expect(newest(saved, live, end)).toBe(end);
  });

  it('is what the cell shows where that is ahead, has ended, or is all there is', () => {
    const live = view('running', { elapsed: 2 });
    expect(newest(saved, live, null)).toBe(saved);
    expect(newest(saved, undefined, null)).toBe(saved);
    const end = view('succeeded', { elapsed: 1 });
    expect(newest(end, live, null)).toBe(end);
  });
});
