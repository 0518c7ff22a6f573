// Whoever reads it: small and large screens, dark and light, keyboard and screen reader.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { DEMO, follow, GALLERY, launch, names, open, violations } from './browser.js';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const VIEWS = [
  ['the demo', DEMO],
  ['each class of failure', `${GALLERY}/?q=failing`],
  ['names that want to break out', `${GALLERY}/?q=hostile`],
  ['pooled, extreme and pending accounts', `${GALLERY}/?q=p`],
  ['nothing found', `${GALLERY}/?q=nobody&state=unwell`],
  ['the last page', `${GALLERY}/?page=3`],
];

const SCREENS = [
  ['en-US', 'light', 320],
  ['en-US', 'dark', 1280],
  ['zh-CN', 'light', 1280],
  ['zh-CN', 'dark', 320],
];

for (const [locale, colorScheme, width] of SCREENS) {
  test(`axe-core finds nothing in ${locale}, ${colorScheme}, ${width} px wide`, async () => {
    for (const [name, url] of VIEWS) {
      const page = await open(browser, url, { width, colorScheme, locale });
      assert.deepEqual(await violations(page), [], name);
      await page.context().close();
    }
  });
}

test('axe-core can say no', async () => {
  const page = await open(browser, DEMO);
  await page.evaluate(() => {
    const select = document.querySelector('select');
    select.closest('label').replaceWith(select);
    document.querySelector('footer a').style.color = '#eee';
  });
  const found = (await violations(page)).map((one) => one.split(':')[0]);
  assert.deepEqual(found.sort(), ['color-contrast', 'select-name']);
});

test('no screen has to be moved sideways', async () => {
  for (const locale of ['en-US', 'zh-CN']) {
    for (const [name, url] of [...VIEWS, ['the gallery', GALLERY]]) {
      const page = await open(browser, url, { locale });
      for (const width of [320, 600, 900, 1280]) {
        await page.setViewportSize({ width, height: 900 });
        const content = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(content <= width, `${name} is ${content} px wide on ${width} px`);
      }
      await page.context().close();
    }
  }
});

test('dark is dark and light is light', async () => {
  for (const [colorScheme, isFit] of [
    ['light', (brightness) => brightness > 200],
    ['dark', (brightness) => brightness < 50],
  ]) {
    const page = await open(browser, GALLERY, { colorScheme });
    const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red, green, blue] = colour.match(/\d+/g).map(Number);
    assert.ok(isFit((red + green + blue) / 3), `${colorScheme}: ${colour}`);
  }
});

test('the keyboard reaches everything, and shows where it is', async () => {
  const page = await open(browser, `${GALLERY}/?q=failing-ip`);
  const expected = await page.locator('a[href], button, input:not([type=hidden]), select').count();
  for (let i = 0; i < expected; i += 1) {
    await page.keyboard.press('Tab');
    const [name, outline, width, inside] = await page.evaluate(() => {
      const focused = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(focused);
      const box = focused.getBoundingClientRect();
      return [focused.outerHTML, outlineStyle, parseFloat(outlineWidth), box.left >= 0 && box.width > 0];
    });
    assert.ok(outline !== 'none' && width >= 2, `no outline around ${name}`);
    assert.ok(inside, `not to be seen: ${name}`);
  }
  await page.keyboard.press('Tab');
  const after = await page.evaluate(() => document.activeElement.tagName);
  assert.equal(after, 'BODY', 'there were no more');
});

test('the first key leads past everything to the accounts', async () => {
  const page = await open(browser, GALLERY);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'To the accounts');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'q');
  await page.keyboard.type('failing-ip');
  await follow(page, page.keyboard.press('Enter'));
  assert.deepEqual(await names(page), ['failing-ip']);
});

test('a screen reader hears headings, landmarks and the name of each meter', async () => {
  const page = await open(browser, `${DEMO}/?q=nearly-full`);
  await page.getByRole('main').waitFor();
  await page.getByRole('search', { name: 'Filter accounts' }).waitFor();
  await page.getByRole('navigation', { name: 'Language' }).waitFor();
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
  const account = page.getByRole('region', { name: 'Accounts' }).getByRole('listitem');
  await account.getByRole('heading', { level: 3, name: 'nearly-full' }).waitFor();
  for (const kind of ['Voice', 'Video', 'Image', 'News']) {
    await account.getByRole('meter', { name: `nearly-full: ${kind}` }).waitFor();
  }
});
