import { useId } from 'react';

import { Prose } from '../card/Prose';
import type { CacheOption } from '../table';

interface Props {
  option: CacheOption;
  value: string;
  /** What is wrong with it, if something is. */
  problem: string | null;
  onChange: (value: string) => void;
}

/** One option of a cache, with the input that its kind asks for and its help. */
export function OptionField({ option, value, problem, onChange }: Props) {
  const id = useId();
  const choices = option.kind === 'flag' ? ['true', 'false'] : option.values;
  const shared = {
    id,
    value,
    'data-option': option.name,
    'aria-describedby': `${id}-help`,
    'aria-invalid': problem !== null,
    'aria-required': option.required
  };
  return (
    <div className="ej-field" data-invalid={problem !== null || undefined}>
      <label htmlFor={id} data-needed={option.required || undefined}>
        {option.name}
      </label>
      {choices.length ? (
        <select {...shared} onChange={event => onChange(event.target.value)}>
          <option value="">{option.default ? `${option.default} (default)` : 'not set'}</option>
          {choices.map(choice => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
          {value && !choices.includes(value) && <option value={value}>{value}</option>}
        </select>
      ) : (
        <input
          {...shared}
          type="text"
          inputMode={option.kind === 'integer' ? 'numeric' : undefined}
          placeholder={placeholder(option)}
          autoComplete="off"
          spellCheck={false}
          onChange={event => onChange(event.target.value)}
        />
      )}
      <p id={`${id}-help`} className="ej-help">
        {problem ? (
          <span className="ej-problem">
            <Prose text={problem} />
          </span>
        ) : (
          help(option)
        )}
      </p>
    </div>
  );
}

function placeholder(option: CacheOption): string {
  if (option.secret) {
    return 'env:NAME';
  }
  if (option.environ.length) {
    return `$${option.environ[0] ?? ''}`;
  }
  return option.default ?? '';
}

function help(option: CacheOption): string {
  const parts = [option.help];
  if (option.secret) {
    parts.push('Secrets are not stored: name the environment variable that holds it.');
  }
  if (option.since) {
    parts.push(`BuildKit ${option.since} or newer.`);
  }
  return parts.join(' ');
}
