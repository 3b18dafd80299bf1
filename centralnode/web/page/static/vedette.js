// The one script; every page is complete without it. What comes from the server
// is parsed as a document in which nothing runs, and taken over node by node.
"use strict";

const doc = document;
const all = (selector, from = doc) => [...from.querySelectorAll(selector)];
const on = (target, name, heard) => target.addEventListener(name, heard, name === "toggle");
const parse = (html) => new DOMParser().parseFromString(html, "text/html").body;
const leave = (e) => {
	const to = JSON.parse(e.data);
	if (sent.size) setTimeout(leave, 1e4, e);
	else if (/^\/(?![/\\])/.test(to)) location.assign(to);
};
const saved = (name) => sessionStorage.getItem(name) === "1";
const save = (name, on) => sessionStorage.setItem(name, on ? "1" : "");

doc.documentElement.classList.add("script");

// What a screen reader says, seldom enough to be heard.
const voice = doc.body.appendChild(doc.createElement("p"));
voice.className = "unseen";
voice.setAttribute("role", "status");
let next, speaking, spoke = 0;
const say = (text, rest = 0) => {
	next = text;
	clearTimeout(speaking);
	speaking = setTimeout(() => { spoke = Date.now(); voice.textContent = next; }, Math.max(100, spoke + rest - Date.now()));
};

// The server takes a form once; this spares the second click.
const sent = new Set();
const ready = () => {
	for (const form of sent) all("button", form).forEach((b) => { b.disabled = false; });
	sent.clear();
};
on(window, "submit", (e) => {
	const form = e.target;
	if (form.getAttribute("method") !== "post") return;
	if (sent.has(form)) return e.preventDefault();
	sent.add(form);
	setTimeout(() => all("button", form).forEach((b) => { b.disabled = true; }));
	setTimeout(ready, 1e4); // a file as answer leaves the page
});

on(window, "click", (e) => {
	for (const f of all(".filter[open]")) if (!f.contains(e.target)) f.open = false;
	// Upload opens the file selection window; what is chosen there is sent.
	const up = e.target.closest("[data-choose]"), file = up && up.form.querySelector("[type=file]");
	if (file && !file.files.length) {
		e.preventDefault();
		on(file, "change", () => up.form.requestSubmit(up));
		file.click();
	}
	const copy = e.target.closest(".copy");
	if (!copy) return;
	const code = copy.previousElementSibling;
	navigator.clipboard.writeText(code.textContent).then(() => {
		copy.classList.add("done");
		setTimeout(() => copy.classList.remove("done"), 2000);
		say("Copied");
	}, () => getSelection().selectAllChildren(code));
});
on(window, "keydown", (e) => {
	const f = e.key === "Escape" && e.target.closest(".filter[open]");
	if (f) { f.open = false; f.querySelector("summary").focus(); }
});
on(window, "toggle", (e) => {
	if (e.target.matches(".filter[open]")) e.target.querySelector("input, select")?.focus();
});

// A notice is said once: not again when the page is loaded again.
const here = new URL(location);
if (here.searchParams.has("notice")) {
	here.searchParams.delete("notice");
	history.replaceState(null, "", here);
}
for (const a of all("a[data-download]")) {
	if (!saved(a.href)) { save(a.href, 1); a.click(); }
}

// Taking over: old becomes like now, but keeps what a person did.
const late = new Map(); // text that waits until nobody has it selected
const key = (n) => n.nodeType === 1 ? n.dataset.key || n.id : "";
const put = (made, into, at) => {
	if (key(made)) made.classList.add("fresh");
	into.insertBefore(made, at);
};
const drop = (n) => {
	const after = n.nextSibling;
	n.remove();
	return after;
};

function patch(old, now) {
	if (old.nodeType !== 1) {
		late.delete(old);
		if (old.data === now.data) return;
		const chosen = getSelection();
		if (!chosen.isCollapsed && chosen.containsNode(old, true)) late.set(old, now.data);
		else old.data = now.data;
		return;
	}
	const own = (name) => name === "open" || old === doc.activeElement && /^(value|tabindex)$/.test(name);
	for (const { name, value } of now.attributes) if (!own(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
	for (const { name } of [...old.attributes]) if (!own(name) && !now.hasAttribute(name)) old.removeAttribute(name);
	const wanted = new Set([...now.childNodes].map(key)), have = new Map();
	for (const c of [...old.childNodes]) {
		if (!key(c)) continue;
		if (wanted.has(key(c))) have.set(key(c), c); else c.remove();
	}
	let at = old.firstChild;
	for (const want of now.childNodes) {
		const is = key(want) ? have.get(key(want)) : at;
		if (is?.nodeName !== want.nodeName || key(is) !== key(want)) {
			put(doc.importNode(want, true), old, at);
			continue;
		}
		while (at && at !== is && !key(at)) at = drop(at);
		if (at === is) at = at.nextSibling; else old.insertBefore(is, at);
		patch(is, want);
	}
	while (at) at = drop(at);
}
on(doc, "selectionchange", () => {
	if (!late.size || !getSelection().isCollapsed) return;
	for (const [node, text] of late) node.data = text;
	late.clear();
});

function show({ id, hash, html }) {
	const region = doc.getElementById(id), now = parse(html).firstElementChild;
	if (!region || !now) return;
	now.dataset.hash = hash;
	const focus = doc.activeElement, inside = region.contains(focus);
	const caret = inside && [focus.selectionStart, focus.selectionEnd];
	const said = new Map(all("[data-say]", region).map((e) => [e, e.textContent]));
	patch(region, now);
	if (inside && doc.activeElement !== focus) {
		const to = focus.isConnected ? focus : region;
		region.tabIndex = -1;
		to.focus({ preventScroll: true });
		if (to === focus && caret[0] != null) focus.setSelectionRange(...caret);
	}
	for (const e of all("[data-say]", region)) if (e.textContent !== said.get(e)) say(e.textContent, 1e4);
}

// Live pages.
const box = doc.querySelector("[data-follow]");
if (box) {
	const state = box.querySelector(".state"), button = box.querySelector("button");
	let source, timer, tries = 0, over = false;
	const tell = (name, text) => { state.dataset.state = name; state.textContent = text; };
	const stop = () => { clearTimeout(timer); source?.close(); };
	const again = () => {
		stop();
		tell("lost", ++tries < 5 ? "Not connected, trying again" : "Not connected: reload the page");
		timer = setTimeout(start, Math.min(3e4, 500 * 2 ** tries) * (0.5 + Math.random() / 2));
	};
	const alive = () => { clearTimeout(timer); timer = setTimeout(again, 45e3); tries = 0; tell("on", "Live"); };
	function start() {
		stop();
		const paused = saved("paused");
		button.textContent = paused ? "Resume updates" : "Pause updates";
		if (paused) return tell("off", "Paused");
		if (over || doc.hidden) return;
		const known = all("[data-live]").map((r) => r.dataset.hash + r.id).join(), url = box.dataset.follow;
		source = new EventSource(url + (url.includes("?") ? "&" : "?") + "live=" + encodeURIComponent(known));
		source.onopen = alive;
		source.onerror = again;
		on(source, "beat", alive);
		on(source, "regions", (e) => { alive(); JSON.parse(e.data).forEach(show); });
		on(source, "ended", (e) => { stop(); leave(e); });
		on(source, "gone", (e) => { over = true; stop(); tell("lost", JSON.parse(e.data)); });
	}
	on(button, "click", () => { save("paused", !saved("paused")); start(); });
	on(window, "visibilitychange", start);
	on(window, "pagehide", stop);
	on(window, "pageshow", start);
}
on(window, "pageshow", ready);

// Tables that are followed: the newest rows come first.
for (const body of all("[data-rows]")) {
	const of = (name) => doc.querySelector(`[data-rows-${name}="${body.id}"]`);
	const button = of("button"), note = of("note");
	let source = null, place = "";
	const turn = (on) => {
		button.textContent = on ? "Pause" : "Follow";
		button.setAttribute("aria-pressed", on);
		if (!on) { source?.close(); source = null; }
	};
	turn(button.hidden = false);
	on(button, "click", () => {
		note.textContent = "";
		if (source) return turn(false);
		const url = new URL(body.dataset.rows, location);
		if (place) url.searchParams.set("after", place);
		source = new EventSource(url);
		turn(true);
		on(source, "rows", (e) => {
			place = e.lastEventId || place;
			body.querySelector(".empty")?.closest("tr").remove();
			const there = new Set([...body.children].map(key)), first = body.firstElementChild;
			for (const row of all("tr", parse("<table>" + JSON.parse(e.data)))) {
				if (!there.has(key(row))) put(row, body, first);
			}
			for (const row of [...body.children].slice(body.dataset.rowsMax)) {
				if (!row.contains(doc.activeElement)) row.remove();
			}
		});
		on(source, "note", (e) => { note.textContent = JSON.parse(e.data); });
		on(source, "ended", leave);
		on(source, "gone", (e) => { turn(false); note.textContent = JSON.parse(e.data); });
		source.onerror = () => {
			if (source.readyState < 2) return; // the browser tries again
			turn(false);
			note.textContent = "Following has ended. Load the page again.";
		};
	});
}
