/**
 * The words and numbers of a build, the same as in the notebook's HTML and in the terminal.
 *
 * `envd_jupyter/notebook/wording.py` is the model of this file; a test holds both against the same
 * table.
 */

import type { BuildView, StepView, Summary } from './view';

export const BUILD_GLYPHS: Record<string, string> = {
  running: '●',
  succeeded: '✔',
  skipped: '○',
  failed: '✘',
  export_failed: '▲',
  interrupted: '■',
  lost: '?'
};

export const BUILD_WORDS: Record<string, string> = {
  running: 'building',
  succeeded: 'built',
  skipped: 'skipped: nothing to build',
  failed: 'failed',
  export_failed: 'image built, cache export failed',
  interrupted: 'interrupted',
  lost: "lost: the build's driver is gone"
};

export const PHASE_WORDS: Record<string, string> = {
  preflight: 'checking the settings',
  interpreting: 'reading build.envd',
  connecting: 'connecting to the builder',
  building: 'building',
  exporting: 'exporting',
  finishing: 'finishing'
};

export const STEP_GLYPHS: Record<string, string> = {
  waiting: '·',
  running: '●',
  cached: '≡',
  done: '✔',
  failed: '✘',
  canceled: '■',
  missing: '○'
};

export const STEP_WORDS: Record<string, string> = {
  waiting: 'waiting',
  running: 'running',
  cached: 'cached',
  done: 'done',
  failed: 'failed',
  canceled: 'canceled',
  missing: 'nothing there yet'
};

/** Say a duration in seconds as people do: `0.4 s`, `2 min 05 s`, `1 h 02 min`. */
export function duration(seconds: number | null): string {
  if (seconds === null) {
    return '';
  }
  const spent = Math.max(seconds, 0);
  if (spent < 59.95) {
    return `${spent.toFixed(1)} s`;
  }
  const whole = Math.round(spent);
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  }
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Say a number of bytes in decimal units, as registries and BuildKit do: `35.4 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) {
    return `${bytes.toFixed(0)} B`;
  }
  let count = bytes;
  for (const unit of ['kB', 'MB', 'GB']) {
    count /= 1000;
    if (count < 999.95) {
      return `${count.toFixed(1)} ${unit}`;
    }
  }
  return `${(count / 1000).toFixed(1)} TB`;
}

// Colours, cursor movements and titles that programs write when they believe in a terminal.
const ESCAPES =
  // eslint-disable-next-line no-control-regex
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;

/**
 * Return what a line of a log looks like when its terminal tricks have been played: escape
 * sequences go, and a carriage return leaves what was written after it.
 */
export function cleanLine(line: string, limit = 300): string {
  const plain = line.replace(/[\r\n]+$/, '').replace(ESCAPES, '');
  return shorten(plain.slice(plain.lastIndexOf('\r') + 1).replace(CONTROLS, ''), limit);
}

/** Return a name on one line. */
export function oneLine(name: string, limit = 300): string {
  return cleanLine(name.replace(/\n/g, ' '), limit);
}

/** Cut text to `limit` characters, the last of which then is an ellipsis. */
export function shorten(text: string, limit: number): string {
  const characters = Array.from(text);
  return characters.length <= limit ? text : characters.slice(0, limit - 1).join('') + '…';
}

/** Return `12/15 steps, 9 cached (60 %)`; nothing before a step is known. */
export function stepsLine(summary: Summary, running: boolean): string {
  const { total, completed, cached } = summary;
  if (!total) {
    return '';
  }
  const steps = `${completed}/${total} step${total === 1 ? '' : 's'}`;
  return cached || !running ? `${steps}, ${cached} cached (${share(cached, total)} %)` : steps;
}

/** Return `12/15 steps, 9 cached (60 %), 14.2 s`. */
export function summaryLine(
  summary: Summary,
  elapsed: number | null,
  running: boolean
): string {
  return [stepsLine(summary, running), duration(elapsed)].filter(Boolean).join(', ');
}

/** A percentage as Python rounds it: a half goes to the even neighbour. */
function share(part: number, whole: number): number {
  const exact = (100 * part) / whole;
  const below = Math.floor(exact);
  return exact - below === 0.5 ? below + (below % 2) : Math.round(exact);
}

/** Return the state of a build in words, the phase where that says more. */
export function headline(view: Pick<BuildView, 'state' | 'phase'>): string {
  if (view.state === 'running') {
    return PHASE_WORDS[view.phase ?? ''] ?? 'building';
  }
  return BUILD_WORDS[view.state] ?? view.state;
}

/** Return how far a step is: bytes of its transfers, or nothing. */
export function stepDetail(step: StepView): string {
  const open = step.progress.filter(item => !item.done);
  const counted = open.length ? open : step.progress;
  const known = counted.filter(item => item.total);
  if (known.length) {
    const current = known.reduce(
      (sum, item) => sum + Math.min(item.current, item.total ?? 0),
      0
    );
    return `${size(current)} / ${size(known.reduce((sum, item) => sum + (item.total ?? 0), 0))}`;
  }
  const current = counted.reduce((sum, item) => sum + item.current, 0);
  return current ? size(current) : '';
}

/** Say what is folded away: `12 more steps: 9 cached, 3 done`. */
export function foldLine(steps: readonly StepView[], omitted: number): string {
  const counts = new Map<string, number>();
  for (const step of steps) {
    counts.set(step.state, (counts.get(step.state) ?? 0) + 1);
  }
  const total = steps.length + omitted;
  const details = Object.entries(STEP_WORDS)
    .filter(([state]) => counts.get(state))
    .map(([state, word]) => `${counts.get(state)} ${word}`);
  const head = `${total} more step${total === 1 ? '' : 's'}`;
  return details.length ? `${head}: ${details.join(', ')}` : head;
}

/**
 * Split the steps into those that get a row and those folded away.
 *
 * Failed and running steps come first in the choice; then, while it builds, the next one and those
 * that finished last; afterwards the ones that took longest. BuildKit's internal steps are folded
 * away unless they fail or run. Both lists keep the order of the build.
 */
export function chooseSteps(
  steps: readonly StepView[],
  limit: number,
  finished: boolean
): [StepView[], StepView[]] {
  const ranked = steps
    .map((step, index) => ({ index, rank: weight(step, index, finished), step }))
    .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || a.index - b.index);
  const shown = new Set(
    ranked
      .slice(0, limit)
      .filter(({ step }) => !isBackground(step))
      .map(({ index }) => index)
  );
  return [
    steps.filter((_, index) => shown.has(index)),
    steps.filter((_, index) => !shown.has(index))
  ];
}

function weight(step: StepView, index: number, finished: boolean): [number, number] {
  if (step.state === 'failed') {
    return [0, index];
  }
  if (step.state === 'running') {
    return [1, index];
  }
  if (step.kind === 'internal') {
    return [9, index];
  }
  if (finished) {
    return [3, -(step.duration ?? 0)];
  }
  return step.state === 'waiting' ? [4, index] : [3, -index];
}

function isBackground(step: StepView): boolean {
  return step.kind === 'internal' && step.state !== 'failed' && step.state !== 'running';
}

/** Say a message and what to do about it as sentences. */
export function sentences(message: string, hint: string | null): string {
  const ended = /[.!?…:]$/.test(message) ? message : `${message}.`;
  return hint ? `${ended} ${hint}` : ended;
}
