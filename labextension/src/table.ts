/**
 * The options of the cache types, as the server tells them, and settings written with them.
 *
 * What a setting may hold is known to the server alone (`envd_jupyter/cache/options.py`); here is
 * only what a form needs: taking a setting apart into fields and putting fields together.
 */

export type Direction = 'export' | 'import';

export interface CacheOption {
  name: string;
  kind: string;
  help: string;
  values: string[];
  default: string | null;
  required: boolean;
  secret: boolean;
  environ: string[];
  since: string | null;
}

export type CacheTypes = Record<Direction, Record<string, CacheOption[]>>;

export interface Entry {
  type: string;
  attrs: Record<string, string>;
}

/** Take `type=s3,"name=a,b"` apart; what cannot be read is left out. */
export function parseEntry(text: string): Entry {
  const entry: Entry = { type: '', attrs: {} };
  for (const field of fields(text)) {
    const [name, value] = pair(field);
    if (name === 'type') {
      entry.type = value;
    } else if (name) {
      entry.attrs[name] = value;
    }
  }
  return entry;
}

/** Write a setting as envd takes it: a field with a comma or a quote is quoted whole. */
export function writeEntry(entry: Entry): string {
  const given = Object.entries(entry.attrs).filter(([, value]) => value !== '');
  return [['type', entry.type], ...given]
    .map(([name, value]) => quoted(`${name ?? ''}=${value ?? ''}`))
    .join(',');
}

function quoted(field: string): string {
  return /[",\n\r]/.test(field) || field !== field.trim()
    ? `"${field.replace(/"/g, '""')}"`
    : field;
}

function pair(field: string): [string, string] {
  const place = field.indexOf('=');
  return place < 0
    ? [field.trim(), '']
    : [field.slice(0, place).trim(), field.slice(place + 1)];
}

function fields(text: string): string[] {
  const found: string[] = [];
  let field = '';
  let inside = false;
  for (let place = 0; place < text.length; place++) {
    const character = text.charAt(place);
    if (inside && character === '"' && text.charAt(place + 1) === '"') {
      field += '"';
      place++;
    } else if (character === '"' && (inside || field === '')) {
      inside = !inside;
    } else if (character === ',' && !inside) {
      found.push(field);
      field = '';
    } else {
      field += character;
    }
  }
  found.push(field);
  return found;
}
