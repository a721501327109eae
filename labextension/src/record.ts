/** One line of the history: `BuildRecord` of `envd_jupyter/builds/record.py`. */
export interface BuildRecord {
  id: string;
  state: string;
  project: string | null;
  title: string | null;
  notebook: string | null;
  kernel: string | null;
  image: string | null;
  digest: string | null;
  builder: string | null;
  started: number | null;
  completed: number | null;
  duration: number | null;
  total: number;
  cached: number;
  exports: string[];
  imports: string[];
  message: string | null;
}

/** The states a build can end in, in the order they are offered. */
export const END_STATES = [
  'succeeded',
  'failed',
  'export_failed',
  'interrupted',
  'skipped',
  'lost'
] as const;

export function titleOf(record: BuildRecord): string {
  return record.title ?? record.project?.split('/').pop() ?? record.id;
}

const DAY = 86_400_000;

/** Name the day something was, as seen from `now`: `Today`, `Yesterday`, `Monday`, `3 March 2026`. */
export function dayOf(seconds: number | null, now: Date, locale?: string): string {
  if (seconds === null) {
    return 'Some time ago';
  }
  const then = new Date(seconds * 1000);
  const days = Math.round((midnight(now) - midnight(then)) / DAY);
  if (days <= 0) {
    return 'Today';
  }
  if (days === 1) {
    return 'Yesterday';
  }
  if (days < 7) {
    return then.toLocaleDateString(locale, { weekday: 'long' });
  }
  return then.toLocaleDateString(locale, { day: 'numeric', month: 'long', year: 'numeric' });
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Name the time of a day: `14:05`. */
export function timeOf(seconds: number | null, locale?: string): string {
  return seconds === null
    ? ''
    : new Date(seconds * 1000).toLocaleTimeString(locale, {
        hour: '2-digit',
        minute: '2-digit'
      });
}
