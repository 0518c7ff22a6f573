// Everything the page can show: search, filters, pages, and names that want to break out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { GALLERY, follow, launch, names, open, rows } from './browser.js';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** The page for programs. */
async function json(query = '') {
  return (await fetch(`${GALLERY}/status.json${query}`)).json();
}

test('each number leads to its accounts', async () => {
  const page = await open(browser, GALLERY);
  const links = page.locator('.summary a, .classes a');
  const figures = await links.evaluateAll((all) =>
    all.map((one) => ({ text: one.innerText, count: Number(one.querySelector('b').innerText), href: one.href })),
  );
  // All accounts, seven states, and each class.
  assert.equal(figures.length, 1 + 7 + 15);
  for (const figure of figures) {
    assert.ok(figure.count > 0, figure.text);
    await page.goto(figure.href);
    assert.equal(await rows(page).count(), Math.min(figure.count, 100), figure.text);
    assert.match(await page.locator('.shown').innerText(), new RegExp(`of ${figure.count}$`));
    assert.equal(await page.locator('.summary [aria-current], .classes [aria-current]').count(), 1);
  }
});

test('each state looks like one', async () => {
  const page = await open(browser, GALLERY);
  for (const [state, label, note] of [
    ['failing', 'Failing', 'What to do'],
    ['stale', 'Stale', 'No poll has ended for more than three intervals'],
    ['degraded', 'Partly failing', 'the account may not use this API'],
    ['pending', 'Not yet polled', 'Waiting for the first poll.'],
    ['healthy', 'Healthy', '%'],
  ]) {
    await page.goto(`${GALLERY}/?state=${state}`);
    const labels = new Set(await rows(page).locator('.state').allTextContents());
    assert.deepEqual([...labels], [label]);
    assert.ok((await rows(page).first().innerText()).includes(note), state);
  }
});

test('a search is typed, kept in the field, and taken back', async () => {
  const page = await open(browser, GALLERY);
  await page.getByLabel('Search').fill('HOSTILE');
  await follow(page, page.keyboard.press('Enter'));
  assert.deepEqual(await names(page), [0, 1, 2, 3, 4, 5].map((i) => `hostile-${i}`));
  assert.equal(await page.getByLabel('Search').inputValue(), 'HOSTILE');
  await page.getByLabel('State').selectOption('pending');
  await follow(page, page.getByRole('button', { name: 'Filter' }).click());
  assert.equal(await page.locator('.empty').innerText(), 'No account matches.');
  await follow(page, page.getByRole('link', { name: 'Show all' }).click());
  assert.equal(await rows(page).count(), 100);
  assert.equal(await page.getByLabel('Search').inputValue(), '');
});

test('a class is chosen in the form', async () => {
  const page = await open(browser, GALLERY);
  await page.getByLabel('State').selectOption('quota_day');
  await follow(page, page.getByRole('button', { name: 'Filter' }).click());
  assert.deepEqual(await names(page), ['failing-quota_day']);
  assert.equal(await page.getByLabel('State').inputValue(), 'quota_day');
});

test('pages lead through all accounts and back', async () => {
  const all = (await json()).accounts.map((account) => account.name);
  const page = await open(browser, GALLERY);
  const seen = [];
  for (;;) {
    seen.push(...(await names(page)));
    const next = page.getByRole('link', { name: 'Next' });
    if (!(await next.count())) break;
    await follow(page, next.click());
    assert.match(page.url(), /page=\d+#accounts$/);
  }
  assert.deepEqual(seen, all);
  await follow(page, page.getByRole('link', { name: 'Previous' }).click());
  assert.deepEqual(await names(page), all.slice(100, 200));
});

test('the chosen language stays with every link and form', async () => {
  const page = await open(browser, `${GALLERY}/?state=failing`, { locale: 'en-US' });
  const language = () => page.locator('html').getAttribute('lang');
  await follow(page, page.getByRole('link', { name: '中文' }).click());
  assert.equal(await language(), 'zh-CN');
  assert.equal(await rows(page).count(), 16);
  await page.getByLabel('搜索').fill('failing-ip');
  await follow(page, page.getByRole('button', { name: '筛选' }).click());
  assert.deepEqual([await language(), await names(page)], ['zh-CN', ['failing-ip']]);
  await follow(page, page.getByRole('link', { name: '显示全部' }).click());
  await follow(page, page.getByRole('link', { name: '下一页' }).click());
  assert.equal(await language(), 'zh-CN');
  await follow(page, page.getByRole('link', { name: 'English' }).click());
  assert.deepEqual([await language(), await rows(page).count()], ['en', 100]);
});

test('hostile names are text, in the page and in its links', async () => {
  const { accounts } = await json('?q=hostile');
  const page = await open(browser, `${GALLERY}/?q=hostile`);
  assert.deepEqual(
    await rows(page).locator('bdi').allTextContents(),
    accounts.map((account) => account.display_name),
  );
  const typed = `<script>document.title='broken'</script>"'><img src=x onerror=alert(1)>`;
  await page.goto(`${GALLERY}/?${new URLSearchParams({ q: typed, state: typed })}`);
  assert.equal(await page.getByLabel('Search').inputValue(), typed);
  assert.ok((await page.locator('#accounts').innerText()).includes(typed), 'the unknown state is named');
  for (const url of [`${GALLERY}/?q=hostile`, page.url()]) {
    await page.goto(url);
    const made = await page.evaluate(() => [
      document.scripts.length,
      document.images.length,
      document.querySelectorAll('#broken, [onerror], [onmouseover], [style]').length,
    ]);
    assert.deepEqual(made, [0, 0, 0]);
    assert.doesNotMatch(await page.title(), /broken/);
  }
  assert.deepEqual(page.complaints, []);
});

test('right-to-left text does not turn its surroundings around', async () => {
  const page = await open(browser, `${GALLERY}/?q=hostile-4`);
  const account = rows(page).first();
  const [name, state, display] = await Promise.all(
    ['h3', '.state', 'bdi'].map((part) => account.locator(part).boundingBox()),
  );
  assert.ok(name.x < state.x, 'the name stands before the state');
  assert.ok(Math.abs(display.x - name.x) < 2, 'the display name begins where the name does');
});

test('faults of the configuration are shown as they are', async () => {
  const page = await open(browser, GALLERY);
  const faults = page.getByRole('region', { name: 'The configuration was not taken over as it is' });
  assert.ok((await faults.innerText()).includes('accounts.<b>: unknown key: did you mean `a`'));
});
