// What a person does with a page, by what the person can see or hear of it:
// computed names and roles, visible text. It is evaluated from outside, so it
// works where the page's own script is switched off.
(ask) => {
  const clean = (text) => (text || '').replace(/\s+/g, ' ').trim();
  const visible = (e) => e.checkVisibility({ visibilityProperty: true });
  const all = (roots, selector) => [...new Set(roots.flatMap((r) => [...r.querySelectorAll(selector)]))].filter(visible);
  const names = (e) => [e.computedName, e.innerText, e.value, ...[...(e.labels || [])].map((l) => l.innerText)].map((n) => clean(n));
  const called = (list, name) => list.filter((e) => names(e).includes(name));
  const first = (text) => clean((text || '').trim().split('\n')[0]);

  // Where to look: a part of the page by its heading, or a row by its text.
  let roots = [document.body];
  for (const within of ask.within || []) {
    if (within.role) {
      roots = all(roots, `[role="${within.role}"]`);
    } else if (within.row) {
      roots = all(roots, 'tr, li').filter((e) => clean(e.innerText).includes(within.row));
      roots = roots.filter((e) => !roots.some((inner) => inner !== e && e.contains(inner)));
    } else {
      const parts = all(roots, 'section, form, fieldset, dialog, article, nav, table, details, main, aside, header, [role]').filter((e) =>
        clean(e.computedName) === within.part ||
        [...e.querySelectorAll('h1, h2, h3, h4, legend, caption, summary')].some((h) =>
          first(h.innerText) === within.part && h.closest('section, form, fieldset, dialog, article, nav, table, details, main, aside, header, [role]') === e));
      roots = parts.filter((e) => !parts.some((outer) => outer !== e && outer.contains(e)));
    }
    if (roots.length !== 1) {
      return { problem: `${roots.length} parts are called "${within.row || within.part || within.role}"` };
    }
  }

  const kinds = {
    link: 'a[href]',
    button: 'button, summary, a[href], input[type=submit], [role=button], [role=switch]',
    field: 'input:not([type=hidden]), select, textarea',
  };

  if (ask.what === 'marks') {
    return { marks: all(roots, ask.name).map((e) => clean(e.innerText)) };
  }
  if (ask.what === 'text') {
    return { text: roots.map((r) => clean(r.innerText)).join(' ') };
  }
  if (ask.what === 'table') {
    const tables = all(roots, 'table').filter((t) => !ask.name || t.caption && first(t.caption.innerText) === ask.name || clean(t.computedName) === ask.name);
    if (tables.length !== 1) {
      return { problem: `${tables.length} tables are called "${ask.name}"` };
    }
    const head = tables[0].tHead ? [...tables[0].tHead.rows[0].cells].map((c) => first(c.innerText)) : [];
    return { columns: head, rows: [...tables[0].tBodies].flatMap((b) => [...b.rows]).filter(visible).map((r) => [...r.cells].map((c) => clean(c.innerText))) };
  }

  let found = called(all(roots, kinds[ask.what]), ask.name);
  if (ask.what === 'field' && found.length > 1 && ask.value !== undefined) {
    found = found.filter((e) => e.value === ask.value);
  }
  const same = found.length > 1 && found.every((e) => e.href && e.href === found[0].href);
  if (found.length !== 1 && !same) {
    return { problem: `${found.length} of kind ${ask.what} are called "${ask.name}"` };
  }
  const e = found[0];
  if (ask.node) {
    return e;
  }
  if (e.disabled || e.getAttribute('aria-disabled') === 'true') {
    return { problem: `"${ask.name}" is disabled` };
  }
  e.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' });
  const box = e.getClientRects()[0];
  if (!box) {
    return { problem: `"${ask.name}" has no place on the screen` };
  }
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  const top = document.elementFromPoint(x, y);
  if (!top || !e.contains(top) && !top.contains(e) && !(top.control === e || [...(e.labels || [])].some((l) => l.contains(top)))) {
    return { problem: `"${ask.name}" is covered by ${top ? top.outerHTML.slice(0, 100) : 'nothing'}` };
  }
  const link = e.closest('a[href]');
  const sends = e.type === 'submit' && e.form;
  if (sends && !e.formNoValidate && !e.form.noValidate) {
    const wrong = [...e.form.elements].find((f) => f.willValidate && !f.validity.valid);
    if (wrong && !ask.incomplete) {
      return { problem: `the form is not complete: "${names(wrong)[0]}": ${wrong.validationMessage}` };
    }
  }
  return {
    x, y, width: box.width, height: box.height,
    goes: Boolean(link && !(link.hash && link.href.split('#')[0] === location.href.split('#')[0]) || sends && e.form.method !== 'dialog'),
    type: e.type || '', checked: Boolean(e.checked) || e.getAttribute('aria-checked') === 'true', value: e.value || '', href: e.href || '', option: e.selectedOptions ? clean([...e.selectedOptions].map((o) => o.text).join(' ')) : '',
  };
}
