import { describe, expect, it } from 'vitest';

import { ABSENT, Api, ApiError, said } from '../src/api';

function answering(response: Response): { api: Api; asked: [string, RequestInit][] } {
  const asked: [string, RequestInit][] = [];
  const api = new Api((path, init) => {
    asked.push([path, init]);
    return Promise.resolve(response);
  });
  return { api, asked };
}

const json = (status: number, body: unknown): Response =>
  new Response(JSON.stringify(body), { status });

describe('the server', () => {
  it('is asked with what was given, and nothing else', async () => {
    const { api, asked } = answering(json(200, { builds: [] }));
    await api.builds({ text: 'a&b', limit: 50 });
    expect(asked[0]?.[0]).toBe('builds?text=a%26b&limit=50');
  });

  it('is told a change of settings', async () => {
    const { api, asked } = answering(json(200, {}));
    await api.change('k', 'notebook', { 'export-cache': ['type=inline'], output: null });
    expect(asked[0]?.[0]).toBe('preferences?kernel_id=k');
    expect(asked[0]?.[1].method).toBe('PATCH');
    expect(JSON.parse(asked[0]?.[1].body as string)).toEqual({
      scope: 'notebook',
      changes: { 'export-cache': ['type=inline'], output: null }
    });
  });

  it('takes an answer without words', async () => {
    await answering(new Response(null, { status: 204 })).api.forget('x');
  });

  it('refuses with its reason and a hint', async () => {
    const told = { message: 'it still runs', hint: 'Cancel it first.', reason: 'RecordError' };
    const error = await answering(json(409, told))
      .api.forget('x')
      .catch((e: unknown) => e);
    expect(said(error)).toBe('it still runs. Cancel it first.');
  });

  it.each([
    json(404, { message: 'Not Found', reason: null }),
    new Response('', { status: 404 })
  ])('may lack the extension, which is not the same as lacking a build', async response => {
    const error = await answering(response)
      .api.view('x')
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).hint).toBe(ABSENT);
  });

  it('may be a proxy that answers with a page', async () => {
    const page = new Response('<html>', { status: 502, statusText: 'Bad Gateway' });
    const error = await answering(page)
      .api.view('x')
      .catch((e: unknown) => e);
    expect(said(error)).toBe('The server answered 502 Bad Gateway.');
  });
});
