import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { createRoot, type Root } from 'react-dom/client';

import { BuildCard } from './card/BuildCard';
import { LiveCard } from './card/LiveCard';
import type { IEnvdBuilds } from './tokens';
import { MIME_TYPE, readView, type BuildView } from './view';

/**
 * A build in the output of a cell.
 *
 * A running build is rendered again ten times a second into the same widget, so what a person has
 * unfolded, selected or focused stays as it is.
 */
export class BuildOutput extends Widget implements IRenderMime.IRenderer {
  constructor(private readonly envd: IEnvdBuilds | null) {
    super();
    this.addClass('ej-output');
    this._root = createRoot(this.node);
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const view = readView(model.data[MIME_TYPE]);
    const { envd } = this;
    this._root.render(content(view, envd));
    return Promise.resolve();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      // Not now: the output area may dispose while React renders.
      queueMicrotask(() => {
        this._root.unmount();
      });
    }
    super.dispose();
  }

  protected override onCloseRequest(message: Message): void {
    super.onCloseRequest(message);
    this.dispose();
  }

  private _root: Root;
}

function content(view: BuildView | null, envd: IEnvdBuilds | null) {
  if (!view) {
    return <p className="ej-ui">This is not an envd build.</p>;
  }
  return envd && view.id && !view.recording ? (
    <LiveCard view={view} envd={envd} />
  ) : (
    <BuildCard view={view} />
  );
}
