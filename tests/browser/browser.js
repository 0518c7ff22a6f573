// Debian's Chromium, and what the tests ask of a page in it.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

// Without these it calls home at every start.
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Where the exporters are that tests/it/browser.rs has started. */
export const DEMO = address('DEMO_URL');
export const GALLERY = address('GALLERY_URL');

function address(name) {
  const url = process.env[name];
  if (!url) throw new Error(`${name} is not set: run \`cargo test --test it browser\``);
  return url;
}

/** A browser with a new profile. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // Its sandbox needs what containers and root do not have; every page here is our own.
    chromiumSandbox: false,
    args: QUIET,
  });
}

/**
 * Opens `url` as a reader with these wishes. The page's `complaints` are what the console says. It
 * does not load itself anew unless that is wished for: it would do so in the middle of a test.
 */
export async function open(browser, url, wishes = {}) {
  const { width = 1280, height = 900, colorScheme = 'light', locale = 'en-US', refreshes = false } = wishes;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale });
  if (!refreshes) await context.route('**/*', withoutRefresh);
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => page.complaints.push(message.text()));
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.goto(url);
  return page;
}

async function withoutRefresh(route) {
  const response = await route.fetch();
  const { refresh, ...headers } = response.headers();
  await route.fulfill({ response, headers });
}

/** Does what leads to another page, and waits for that. */
export async function follow(page, action) {
  await Promise.all([page.waitForEvent('domcontentloaded'), action]);
}

/** The accounts of the page, by what a reader sees. */
export function rows(page) {
  return page.locator('#accounts .rows > li');
}

/** The names of these accounts. */
export function names(page) {
  return rows(page).locator('h3').allTextContents();
}

/** What axe-core finds wrong with the page. */
export async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' | ')}`);
}
