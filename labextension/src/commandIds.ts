/** The commands of this extension. Menus, palettes and shortcuts know them by these names. */
export const CommandIds = {
  openPanel: 'envd:open-panel',
  openBuild: 'envd:open-build',
  cancel: 'envd:cancel-build',
  rebuild: 'envd:rebuild',
  forget: 'envd:delete-build',
  form: 'envd:build-form'
} as const;

/** Read an argument of a command that is a text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
