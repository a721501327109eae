import { cleanup, render, screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { afterEach, describe, expect, it } from 'vitest';

import { BuildCard } from '../src/card/BuildCard';
import type { BuildView } from '../src/view';
import words from './words.json';

const running = words.views.running.view as BuildView;
const failed = words.views.failed.view as BuildView;

afterEach(cleanup);

describe('the card of a build', () => {
  it('says what is built, how it stands and how far it is', () => {
    render(<BuildCard view={running} />);
    const card = screen.getByRole('article', { name: 'Build of churn-model: building' });
    expect(card.getAttribute('aria-busy')).toBe('true');
    expect(within(card).getByRole('status').textContent).toBe('building');
    expect(card.textContent).toContain('12/15 steps, 9 cached (60 %), 14.2 s');
    expect(card.textContent).toContain('Downloading torch-2.4.0%2Bcpu');
    expect(within(card).getAllByRole('progressbar')).not.toHaveLength(0);
  });

  it('tells the failing step first, its log once, and the hint', () => {
    render(<BuildCard view={failed} />);
    const why = screen.getByRole('region', { name: 'Why it failed' });
    expect(why.textContent).toContain(failed.error?.step);
    const last = failed.error?.log_tail.at(-1) ?? '';
    expect(last).not.toBe('');
    expect(document.body.textContent.split(last)).toHaveLength(2);
    expect(why.compareDocumentPosition(screen.getByRole('list', { name: 'Steps' }))).toBe(
      Node.DOCUMENT_POSITION_FOLLOWING
    );
  });

  it('shows markup in names, logs and messages as the text it is', () => {
    const evil = '<img src=x onerror=alert(1)> <script>alert(2)</script>';
    render(
      <BuildCard
        view={{
          ...failed,
          title: evil,
          image: evil,
          builder: evil,
          steps: failed.steps.map(step => ({ ...step, name: evil, log_tail: [evil] })),
          error: { message: `${evil} \`${evil}\``, hint: evil, step: 'x', log_tail: [evil] },
          notes: [{ level: 'warning', message: evil, hint: evil }],
          cache: {
            imports: [{ entry: evil, state: 'failed', message: evil, hint: evil }],
            exports: []
          }
        }}
      />
    );
    expect(document.querySelectorAll('img, script')).toHaveLength(0);
    expect(document.body.textContent).toContain(evil);
  });

  it('keeps unfolded what a person unfolded while the build goes on', async () => {
    const { rerender } = render(<BuildCard view={running} rows={3} />);
    const fold = document.querySelector('details');
    await userEvent.click(screen.getByText(/more steps/));
    rerender(<BuildCard view={{ ...running, elapsed: 15 }} rows={3} />);
    expect(document.querySelector('details')).toBe(fold);
    expect(fold?.open).toBe(true);
    expect(document.body.textContent).toContain('15.0 s');
  });

  it('marks a recording as one', () => {
    render(<BuildCard view={{ ...running, recording: true }} />);
    expect(screen.getByText('recording')).toBeTruthy();
  });
});
