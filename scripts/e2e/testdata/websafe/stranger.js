// What a page of somebody else can do against a site that its visitor is signed
// in to. It runs as that page's own script, and says what came of it.
async ({ site, forms, paths }) => {
  const heard = [];
  const patience = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 2000, ''))]);
  const pairs = (f) => Object.entries(f.fields);
  const whole = (f) => {
    const data = new FormData();
    for (const [name, value] of pairs(f)) {
      if (name.startsWith('file')) data.append(name, new Blob([value], { type: 'application/x-pem-file' }), 'x.pem'); else data.append(name, value);
    }
    return data;
  };
  const flat = (f) => new URLSearchParams(pairs(f));
  const told = async (what, promise) => {
    const answer = await patience(promise.then(async (a) => (a.type === 'opaque' ? '' : `${what} reads ${a.type} ${a.status} ${(await a.text()).slice(0, 80)}`), () => ''));
    if (answer) heard.push(answer);
  };
  const everywhere = (list, act) => Promise.all(list.map(act));

  // Requests of scripts: simple ones, which need no leave, and others.
  await everywhere(forms, async (f) => {
    const url = site + f.path, always = { method: 'POST', credentials: 'include' };
    await told(`post ${f.path}`, fetch(url, { ...always, mode: 'no-cors', body: f.multipart ? whole(f) : flat(f) }));
    await told(`post ${f.path} as text`, fetch(url, { ...always, mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body: String(flat(f)) }));
    await told(`post ${f.path} openly`, fetch(url, { ...always, mode: 'cors', body: flat(f) }));
    await told(`post ${f.path} with leave`, fetch(url, { ...always, mode: 'cors', headers: { 'X-Requested-With': 'x' }, body: flat(f) }));
    navigator.sendBeacon(url, flat(f));
  });

  // Forms that are sent into frames.
  await everywhere(forms, (f, i) => patience(new Promise((done) => {
    const frame = document.body.appendChild(document.createElement('iframe')), form = document.body.appendChild(document.createElement('form'));
    frame.name = form.target = `f${i}`;
    Object.assign(form, { method: 'post', action: site + f.path, enctype: f.multipart ? 'multipart/form-data' : '' });
    for (const [name, value] of pairs(f)) {
      const field = form.appendChild(document.createElement('textarea'));
      field.name = name;
      field.value = value;
    }
    form.submit();
    // The frame's first load is that of the empty page it begins with.
    frame.onload = done;
  })));

  // What a page takes in from elsewhere.
  const element = (name, from, path) => patience(new Promise((done) => {
    const e = document.createElement(name);
    if (name === 'link') e.rel = 'stylesheet';
    e.onload = () => { heard.push(`${name} takes ${path} in`); done(); };
    e.onerror = done;
    e[from] = site + path;
    document.head.append(e);
  }));
  await everywhere(paths, async (path) => {
    await Promise.all([element('img', 'src', path), element('script', 'src', path), element('link', 'href', path)]);
    await told(`get ${path}`, fetch(site + path, { credentials: 'include', mode: 'no-cors' }));
    await told(`get ${path} openly`, fetch(site + path, { credentials: 'include' }));
  });
  await everywhere(paths, (path) => patience(new Promise((done) => {
    const source = new EventSource(site + path, { withCredentials: true });
    source.onopen = () => { heard.push(`events of ${path} come`); source.close(); done(); };
    source.onerror = () => { source.close(); done(); };
  })));
  await everywhere(paths, (path) => patience(new Promise((done) => {
    const socket = new WebSocket(site.replace('https', 'wss') + path);
    socket.onopen = () => { heard.push(`a WebSocket to ${path} opens`); socket.close(); done(); };
    socket.onerror = done;
  })));
  return heard;
}
