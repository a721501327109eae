/** Small pictures in the colour of the text around them; the words are the buttons' labels. */

const PATHS = {
  add: 'M7.25 3h1.5v4.25H13v1.5H8.75V13h-1.5V8.75H3v-1.5h4.25z',
  cancel: 'M4 4h8v8H4z',
  close: 'M4.3 3.3 8 7l3.7-3.7 1 1L9 8l3.7 3.7-1 1L8 9l-3.7 3.7-1-1L7 8 3.3 4.3z',
  edit: 'M11.4 2.2 13.8 4.6 12.3 6.1 9.9 3.7zM9.2 4.4 11.6 6.8 5.4 13H3v-2.4z',
  log: 'M2.5 3h11v1.4h-11zm0 3h8v1.4h-8zm0 3h11v1.4h-11zm0 3h6v1.4h-6z',
  rebuild:
    'M8 3a5 5 0 0 1 4.2 2.3V3.2h1.4v4.6H9V6.4h2.2A3.6 3.6 0 1 0 11.5 9h1.45A5 5 0 1 1 8 3z',
  remove:
    'M6 2h4l.6 1H13v1.4H3V3h2.4zM4 5.4h8L11.4 14H4.6zm2 1.4.25 5.8h1.1L7.1 6.8zm3 0-.25 5.8h1.1L10 6.8z',
  why: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zm0 1.4a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6zm-.75 7.1h1.5v1.4h-1.5zM8 4.5c1.4 0 2.3.8 2.3 2 0 1.6-1.6 1.7-1.6 2.9H7.3c0-2 1.5-2 1.5-2.8 0-.4-.3-.7-.8-.7s-.9.3-.9.9H5.7c0-1.4 1-2.3 2.3-2.3z'
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="ej-icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} fill="currentColor" fillRule="evenodd" />
    </svg>
  );
}

interface ButtonProps {
  icon: IconName;
  /** What it does, said in full: `Cancel the build train`. */
  label: string;
  onClick: () => void;
  tabIndex?: number;
  disabled?: boolean;
}

/** A button that is only a picture; its label is read aloud and shown when it is pointed at. */
export function IconButton({ icon, label, onClick, tabIndex, disabled }: ButtonProps) {
  return (
    <button
      type="button"
      className="ej-icon-button"
      data-action={icon}
      aria-label={label}
      title={label}
      tabIndex={tabIndex}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
