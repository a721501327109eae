// vitest and not jest: JupyterLab's and Lumino's packages are ES modules, which vitest takes as
// they are, where jest has to be taught to transform them; and it needs no second compiler setup.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { environment: 'jsdom', include: ['tests/**/*.test.{ts,tsx}'], globals: false }
});
