/**
 * Shows builds in the outputs of cells.
 *
 * It needs no server and no kernel: a saved notebook that is not trusted looks as it did when it
 * was saved. Where the server knows the build, its card has buttons.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import { BuildOutput } from '../output';
import { IEnvdBuilds } from '../tokens';
import { MIME_TYPE } from '../view';

// Ahead of `text/html` (50), which comes with every build for those who lack this extension.
const RANK = 10;

export const renderer: JupyterFrontEndPlugin<void> = {
  id: 'envd-jupyter:renderer',
  description: 'Shows envd builds in the outputs of cells.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [IEnvdBuilds],
  activate: (
    _app: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    envd: IEnvdBuilds | null
  ) => {
    rendermime.addFactory(
      {
        // Nothing of a build becomes markup, so it needs no trust.
        safe: true,
        mimeTypes: [MIME_TYPE],
        createRenderer: () => new BuildOutput(envd)
      },
      RANK
    );
  }
};
