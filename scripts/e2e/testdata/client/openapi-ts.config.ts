import { defineConfig } from '@hey-api/openapi-ts';

// The client holds every answer against schemas that are generated with it. It
// does not hold what it sends against them: there a file is a string.
export default defineConfig({
  input: 'openapi.yaml',
  output: 'generated',
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', 'zod', { name: '@hey-api/sdk', validator: { response: true } }],
});
