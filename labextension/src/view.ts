/**
 * A build at one moment, as the kernel and the server send it.
 *
 * The shape is that of `envd_jupyter/build/view.py`: plain JSON of bounded size. Times are seconds
 * since the epoch, durations seconds, sizes bytes.
 */

export const MIME_TYPE = 'application/vnd.envd.build+json';

export interface Summary {
  total: number;
  completed: number;
  cached: number;
  running: number;
  failed: number;
  real: number;
}

export interface ProgressView {
  id: string;
  name: string;
  current: number;
  total: number | null;
  done: boolean;
}

export interface StepView {
  digest: string;
  number: number;
  name: string;
  kind: string;
  state: string;
  started: number | null;
  completed: number | null;
  duration: number | null;
  progress: ProgressView[];
  log_tail: string[];
  log_lines: number;
  error: string | null;
  source: string | null;
}

export interface CacheView {
  entry: string;
  state: string;
  message: string | null;
  hint: string | null;
}

export interface NoteView {
  level: string;
  message: string;
  hint: string | null;
}

export interface ErrorView {
  message: string;
  hint: string | null;
  step: string | null;
  log_tail: string[];
}

export interface BuildView {
  version: number;
  id: string;
  state: string;
  phase: string | null;
  title: string;
  project: string | null;
  image: string | null;
  digest: string | null;
  builder: string | null;
  started: number | null;
  completed: number | null;
  elapsed: number | null;
  summary: Summary;
  steps: StepView[];
  steps_omitted: number;
  cache: { imports: CacheView[]; exports: CacheView[] };
  notes: NoteView[];
  error: ErrorView | null;
  recording: boolean;
}

type Raw = Record<string, unknown>;

/**
 * Read a build from a notebook file or a message.
 *
 * What is in a notebook may have been written by anybody and by any version: each field that is
 * not what it should be takes a harmless value, so that the rest can be shown.
 *
 * @returns the build, or null if the value is none at all.
 */
export function readView(value: unknown): BuildView | null {
  if (!isObject(value) || (typeof value.state !== 'string' && !Array.isArray(value.steps))) {
    return null;
  }
  const cache = isObject(value.cache) ? value.cache : {};
  return {
    version: number(value.version) ?? 1,
    id: text(value.id) ?? '',
    state: text(value.state) ?? 'lost',
    phase: text(value.phase),
    title: text(value.title) ?? 'build',
    project: text(value.project),
    image: text(value.image),
    digest: text(value.digest),
    builder: text(value.builder),
    started: number(value.started),
    completed: number(value.completed),
    elapsed: number(value.elapsed),
    summary: readSummary(value.summary),
    steps: objects(value.steps).map(readStep),
    steps_omitted: number(value.steps_omitted) ?? 0,
    cache: {
      imports: objects(cache.imports).map(readCache),
      exports: objects(cache.exports).map(readCache)
    },
    notes: objects(value.notes).map(note => ({
      level: text(note.level) ?? 'note',
      message: text(note.message) ?? '',
      hint: text(note.hint)
    })),
    error: isObject(value.error)
      ? {
          message: text(value.error.message) ?? '',
          hint: text(value.error.hint),
          step: text(value.error.step),
          log_tail: texts(value.error.log_tail)
        }
      : null,
    recording: value.recording === true
  };
}

function readSummary(value: unknown): Summary {
  const raw = isObject(value) ? value : {};
  return {
    total: number(raw.total) ?? 0,
    completed: number(raw.completed) ?? 0,
    cached: number(raw.cached) ?? 0,
    running: number(raw.running) ?? 0,
    failed: number(raw.failed) ?? 0,
    real: number(raw.real) ?? 0
  };
}

function readStep(raw: Raw, index: number): StepView {
  return {
    digest: text(raw.digest) ?? `step ${index}`,
    number: number(raw.number) ?? 0,
    name: text(raw.name) ?? '',
    kind: text(raw.kind) ?? 'step',
    state: text(raw.state) ?? 'waiting',
    started: number(raw.started),
    completed: number(raw.completed),
    duration: number(raw.duration),
    progress: objects(raw.progress).map(item => ({
      id: text(item.id) ?? '',
      name: text(item.name) ?? '',
      current: number(item.current) ?? 0,
      total: number(item.total),
      done: item.done === true
    })),
    log_tail: texts(raw.log_tail),
    log_lines: number(raw.log_lines) ?? 0,
    error: text(raw.error),
    source: text(raw.source)
  };
}

function readCache(raw: Raw): CacheView {
  return {
    entry: text(raw.entry) ?? '',
    state: text(raw.state) ?? 'pending',
    message: text(raw.message),
    hint: text(raw.hint)
  };
}

function isObject(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objects(value: unknown): Raw[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string')
    : [];
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
