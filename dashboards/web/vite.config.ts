// How the screens are built: into ../dist, for the Chromium of a 2021 television, the same bytes every time.
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

const server = process.env['MES_HTTP_URL'] ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [vue()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'chrome87',
    cssTarget: 'chrome87',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': { target: server, changeOrigin: false } }, fs: { allow: ['../..'] } },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
