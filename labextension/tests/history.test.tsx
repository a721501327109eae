import { cleanup, render, screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { HistoryList } from '../src/panel/HistoryList';
import type { BuildRecord } from '../src/record';

const now = Date.now() / 1000;

function record(id: string, more: Partial<BuildRecord> = {}): BuildRecord {
  return {
    ...{ id, state: 'succeeded', project: '/p', title: id, notebook: null, kernel: null },
    ...{ image: null, digest: null, builder: null, started: now, completed: now, duration: 2 },
    ...{ total: 3, cached: 2, exports: [], imports: [], message: null, ...more }
  };
}

function actions() {
  const done = () => vi.fn(() => Promise.resolve());
  return { open: vi.fn(), cancel: done(), rebuild: done(), forget: done(), form: vi.fn() };
}

afterEach(cleanup);

describe('the history', () => {
  it('groups builds by day and says how each ended', () => {
    const failed = { state: 'failed', message: 'no space', started: now - 86_400 };
    render(<HistoryList records={[record('b'), record('a', failed)]} actions={actions()} />);
    expect(within(screen.getByRole('region', { name: 'Today' })).getByText('b')).toBeTruthy();
    const yesterday = within(screen.getByRole('region', { name: 'Yesterday' }));
    expect(yesterday.getByText('no space')).toBeTruthy();
    expect(yesterday.getByRole('button', { name: /Open the build a: failed/ })).toBeTruthy();
  });

  it('is one stop of the Tab key, and the arrows go from build to build', async () => {
    const can = actions();
    render(<HistoryList records={['c', 'b', 'a'].map(id => record(id))} actions={can} />);
    const user = userEvent.setup();
    await user.tab();
    await user.keyboard('{ArrowDown}{ArrowDown}{ArrowDown}');
    expect(document.activeElement?.getAttribute('aria-label')).toMatch(/^Open the build a/);
    await user.keyboard('{Enter}');
    expect(can.open).toHaveBeenCalledWith('a');
    await user.keyboard('{Home}{Delete}');
    expect(can.forget).toHaveBeenCalledWith('c', 'c');
    await user.tab();
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Open the log of c');
    await user.keyboard('{Enter}');
    expect(can.open).toHaveBeenLastCalledWith('c', 'log');
  });

  it('offers why steps ran again, and the build again', async () => {
    const can = actions();
    render(<HistoryList records={[record('a')]} actions={can} />);
    await userEvent.click(
      screen.getByRole('button', { name: 'Why did steps of a run again?' })
    );
    expect(can.open).toHaveBeenCalledWith('a', 'report');
    await userEvent.click(screen.getByRole('button', { name: 'Build a again' }));
    expect(can.rebuild).toHaveBeenCalledWith('a');
  });
});
