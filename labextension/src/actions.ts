/** What a person can do with builds, wherever it is offered. */
export interface BuildActions {
  open: (id: string, part?: BuildPart) => void;
  cancel: (id: string) => Promise<void>;
  rebuild: (id: string) => Promise<void>;
  forget: (id: string, title: string) => Promise<void>;
  form: () => void;
}

/** The parts of an opened build. */
export type BuildPart = 'steps' | 'log' | 'report';
