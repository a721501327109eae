import type { Summary } from '../view';

/**
 * All steps as one strip, coloured by what became of them.
 *
 * It says nothing that the words beside it do not say, unless it is given a label: then it is a
 * progress bar for assistive technology.
 */
export function Tape({ summary, label }: { summary: Summary; label?: string }) {
  const { total, completed, cached, failed, running } = summary;
  const parts: [string, number][] = [
    ['cached', cached],
    ['done', Math.max(completed - cached, 0)],
    ['failed', failed],
    ['running', running]
  ];
  const meaning = label
    ? {
        role: 'progressbar',
        'aria-label': label,
        'aria-valuemin': 0,
        'aria-valuemax': Math.max(total, 1),
        'aria-valuenow': Math.min(completed, Math.max(total, 1))
      }
    : { 'aria-hidden': true };
  return (
    <div className="ej-tape" {...meaning}>
      {total > 0 &&
        parts.map(([name, count]) => (
          <span
            key={name}
            data-part={name}
            style={{ width: `${Math.min((100 * count) / total, 100)}%` }}
          />
        ))}
    </div>
  );
}
