// The demo's page, as somebody sees it who has just started it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { DEMO, follow, launch, names, open, rows } from './browser.js';

let browser;
let untouched;
before(async () => {
  browser = await launch();
  // Left alone until the last test.
  untouched = await open(browser, DEMO, { refreshes: true });
});
after(() => browser.close());

const row = (page, name) => rows(page).filter({ has: page.getByRole('heading', { name, exact: true }) });

test('every state of the demo is found, the worst first', async () => {
  const page = await open(browser, DEMO);
  const states = await rows(page).locator('.state').allTextContents();
  const healthy = states.indexOf('Healthy');
  assert.deepEqual([...new Set(states.slice(0, healthy))], ['Failing']);
  assert.deepEqual([...new Set(states.slice(healthy))], ['Healthy']);
  assert.equal(await row(page, 'full').locator('.room').textContent(), 'Full');
  assert.equal(await row(page, 'nearly-full').locator('.room').textContent(), 'Nearly full');
  const order = await names(page);
  assert.deepEqual(order.slice(healthy, healthy + 2), ['full', 'nearly-full']);
  assert.match(await page.title(), /^3 Failing · /);
  assert.deepEqual(page.complaints, []);
});

test('a healthy account shows counts, limits, ratios, age, next poll, token and quota', async () => {
  const page = await open(browser, DEMO);
  const account = row(page, 'nearly-full');
  const text = (await account.innerText()).replaceAll(/\s+/g, ' ');
  for (const part of [
    /Voice 9[78]\.\d% (9[78]\d|1,000) \/ 1,000/,
    /Image 96\.\d% 96,\d{3} \/ 100,000/,
    /Updated \d+ s ago/,
    /Next poll (in \d+ s|due now)/,
    /Token stable_token, valid for 1\d\d min, fetched 1×/,
    /Drafts 458/,
    /Calls left today get_materialcount 9\d,\d{3} \/ 100,000/,
  ]) {
    assert.match(text, part);
  }
  const meter = account.getByRole('meter', { name: 'nearly-full: Voice' });
  assert.ok(Number(await meter.getAttribute('value')) >= 970);
  assert.match(await row(page, 'full').innerText(), /1,000 \/ 1,000/);
});

test('a failing account says why, and what to do, in both languages', async () => {
  for (const [locale, title, remedy] of [
    ['en-US', 'The egress IP is not on the whitelist', 'Add the egress IP that WeChat saw'],
    ['zh-CN', '出口 IP 不在白名单', '请将微信看到的出口 IP 加入该账号的 IP 白名单'],
  ]) {
    const page = await open(browser, DEMO, { locale });
    const trouble = await row(page, 'ip-refused').locator('.trouble').innerText();
    for (const part of [title, remedy, '40164', '203.0.113.8', 'ip']) {
      assert.ok(trouble.toLowerCase().includes(part.toLowerCase()), `${part} in ${trouble}`);
    }
  }
});

test('the platform is shown with what became of its authorizers', async () => {
  const page = await open(browser, DEMO);
  const platforms = page.getByRole('region', { name: 'Third-party platforms' });
  assert.match((await platforms.innerText()).replaceAll(/\s+/g, ' '), /agency Works polled 2 mini programs 1/);
});

test('links lead to the other pages', async () => {
  const page = await open(browser, DEMO);
  for (const [name, beginning] of [
    ['Metrics', '# HELP'],
    ['JSON', '{'],
    ['Targets', '['],
    ['Configuration', '# Everything'],
    ['Health', 'Healthy.'],
    ['Readiness', 'Ready.'],
  ]) {
    await page.goto(DEMO);
    await follow(page, page.getByRole('link', { name, exact: true }).click());
    const text = await page.locator('body').innerText();
    assert.ok(text.trim().startsWith(beginning), `${name}: ${text.slice(0, 100)}`);
  }
});

test('pictures for the README', { skip: !process.env.SCREENSHOTS && 'SCREENSHOTS names no directory' }, async () => {
  for (const [name, locale] of [
    ['status-en', 'en-US'],
    ['status-zh', 'zh-CN'],
  ]) {
    const page = await open(browser, DEMO, { locale, height: 1240 });
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` });
  }
});

test('the page loads itself anew unless it is paused', async () => {
  const time = (page) => page.locator('header time').getAttribute('datetime');
  const loaded = await time(untouched);
  await untouched.waitForFunction(
    (loaded) => document.querySelector('header time')?.getAttribute('datetime') !== loaded,
    loaded,
    { timeout: 120_000, polling: 200 },
  );
  const page = await open(browser, DEMO, { refreshes: true });
  await follow(page, page.getByRole('link', { name: 'Pause' }).click());
  assert.match(await page.locator('.as-of').innerText(), /does not reload itself/);
  assert.equal((await page.reload()).headers().refresh, undefined);
  await follow(page, page.getByRole('link', { name: 'Reload every 30 s' }).click());
  assert.equal((await page.reload()).headers().refresh, '30');
});
