# The browser's part of scripts/check-page.
import argparse, base64, hashlib, json, os, pathlib, re, shutil, signal, subprocess, sys, tempfile, time
import urllib.error, urllib.parse, urllib.request

root = pathlib.Path(sys.argv[1])
options = argparse.ArgumentParser(prog="scripts/check-page")
options.add_argument("--policy", action="store_true")
options.add_argument("--rast", type=pathlib.Path, default=root / ".build/release/rast")
options.add_argument("--pictures", type=pathlib.Path)
options.add_argument("--page", type=pathlib.Path)
options.add_argument("--port", type=int, default=18431)
options = options.parse_args(sys.argv[2:])
assets = root / "Sources/CAssets"


def policy(page):
    """The policy of CAssets.c with this page's hashes."""
    text = "".join(re.findall(r'^    "(.*?)"', (assets / "CAssets.c").read_text(), re.M))
    for tag in ["script", "style"]:
        inside = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S).group(1).encode()
        found = base64.b64encode(hashlib.sha256(inside).digest()).decode()
        text = re.sub(f"({tag}-src 'sha256-)[^']*'", rf"\g<1>{found}'", text)
    return text


if options.policy:
    page = (assets / "dashboard.html").read_text()
    source = assets / "CAssets.c"
    text = source.read_text()
    for directive in re.findall(r"\w+-src 'sha256-[^']*'", policy(page)):
        text = re.sub(re.escape(directive.split()[0]) + r" 'sha256-[^']*'", lambda _: directive, text)
    source.write_text(text)
    sys.exit(0)

from playwright.sync_api import expect, sync_playwright


def ask(url, method="GET", body=None, **headers):
    """Status, headers and content; redirects are followed for writes too."""
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 307:
            return ask(error.headers["Location"], method, body, **headers)
        return error.code, error.headers, error.read()


def status(node):
    return json.loads(ask(f"{urls[node]}/status")[2])


def until(what, holds, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            value = holds()
            if value:
                return value
        except OSError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"scripts/check-page: not within {seconds} s: {what}")
        time.sleep(0.1)


def check(holds, what):
    if not holds:
        raise SystemExit(f"scripts/check-page: {what}")


urls = {node: f"http://127.0.0.1:{options.port + node - 1}" for node in (1, 2, 3)}
data = tempfile.TemporaryDirectory(prefix="rast-page-")
cluster = subprocess.Popen(
    [options.rast, "dev", "--port", str(options.port), "--data", data.name],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
faults = []


def visit(browser, node, width=1120, scheme="light"):
    """The node's page, open; what the browser complains of is kept, but for answers that are no success."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"node {node}: {error}"))
    page.on("console", lambda line: line.type == "error" and "the server responded with a status" not in line.text
            and "ERR_CONNECTION" not in line.text and faults.append(f"node {node}: {line.text}"))
    if options.page:
        text = options.page.read_text()
        page.route(lambda url: urllib.parse.urlsplit(url).path == "/", lambda route: route.fulfill(
            body=text, content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": policy(text)}))
    page.goto(urls[node] + "/")
    expect(page.locator("#node")).to_have_text(f"node {node}")
    return page


def picture(page, name):
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check(fits, f"{name}: the page is wider than the window")
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=options.pictures / f"{name}.png", full_page=True)


def open_key(page, key):
    page.fill("#prefix", key)
    page.click("text=Open key")


def on_leader(page, leader):
    expect(page.locator("#members li")).to_have_count(3)
    expect(page.locator("#members .pill.leads")).to_have_count(1)
    expect(page.locator("#members .pill", has_text="follower")).to_have_count(2)
    # Keys are text: markup, slashes, dots, escapes and letters beyond ASCII.
    key = "<img src=x onerror=fail()>/../é %2F+"
    url = f"{urls[leader]}/kv/{urllib.parse.quote(key, safe='')}"
    page.click("text=New key")
    page.fill("#name", key)
    page.fill("#value", "<script>fail()</script>\nü")
    page.click("#save")
    expect(page.locator("#outcome")).to_contain_text("Created at revision")
    check(ask(url)[2].decode() == "<script>fail()</script>\nü", "another value was stored than was typed")
    check(ask(url)[1]["Content-Type"] == "text/plain; charset=utf-8", "another type was stored than was typed")
    check(page.locator("#browser img, #browser script").count() == 0, "a key became markup")
    # Created twice: what is there is shown.
    page.click("text=New key")
    page.fill("#name", key)
    page.click("#save")
    expect(page.locator("#outcome")).to_contain_text("exists already")
    page.click("text=Take the current value")
    expect(page.locator("#title")).to_have_text(key)
    # Saved.
    page.fill("#value", "mine")
    page.keyboard.press("Control+s")
    expect(page.locator("#outcome")).to_contain_text("Saved at revision")
    # Another is first: nothing is overwritten until the person says so.
    ask(url, "PUT", "theirs €".encode())
    page.fill("#value", "mine again")
    page.click("#save")
    expect(page.locator("#outcome")).to_contain_text("Somebody else has changed this key")
    expect(page.locator("#outcome pre")).to_have_text("theirs €")
    check(ask(url)[2].decode() == "theirs €", "a conflict overwrote the value")
    picture(page, "conflict")
    page.click("text=Overwrite it with mine")
    expect(page.locator("#outcome")).to_contain_text("Saved at revision")
    check(ask(url)[2] == b"mine again", "the person's own choice was not stored")
    # Bytes and line ends come back as they were.
    for name, value in [("bytes", bytes(range(256))), ("lines", b"a\r\nb\r\n"), ("mixed", b"a\rb\nc\r\n"), ("none", b"")]:
        place = f"{urls[leader]}/kv/page/{name}"
        ask(place, "PUT", value, **{"Content-Type": "image/x-test"})
        open_key(page, f"page/{name}")
        expect(page.locator("#title")).to_have_text(f"page/{name}")
        if name == "bytes":
            expect(page.locator("#bytes")).to_contain_text("0040  40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f  @ABCDEFGHIJKLMNO")
            with page.expect_download() as download:
                page.click("#download")
            check(pathlib.Path(download.value.path()).read_bytes() == value, "other bytes were downloaded than are stored")
            check(download.value.suggested_filename == "bytes", "the file is not named after the key")
            picture(page, "bytes")
        page.click("#save")
        expect(page.locator("#outcome")).to_contain_text("Saved at revision")
        check(ask(place)[2] == value, f"saving changed the bytes of page/{name}")
        check(ask(place)[1]["Content-Type"] == "image/x-test", f"saving changed the type of page/{name}")
    # From a file.
    place = f"{urls[leader]}/kv/page/none"
    open_key(page, "page/none")
    for name, type, value in [("a.bin", "application/x-test", bytes([0, 255, 10, 13])), ("b.txt", "text/plain", "ü\n".encode())]:
        page.set_input_files("#file", {"name": name, "mimeType": type, "buffer": value})
        expect(page.locator("#outcome")).to_contain_text("not saved yet")
        page.click("#save")
        expect(page.locator("#outcome")).to_contain_text("Saved at revision")
        check(ask(place)[2] == value, f"another value was stored than {name} has")
        check(ask(place)[1]["Content-Type"] == type, f"another type was stored than {name} has")
    # Changed by another while it is open: it is said.
    ask(place, "PUT", b"")
    page.fill("#prefix", "page/")
    page.mouse.move(5, 5)
    ask(place, "PUT", b"later")
    expect(page.locator("#outcome")).to_contain_text("This key has changed meanwhile", timeout=15000)
    page.click("text=Read again >> nth=-1")
    expect(page.locator("#value")).to_have_value("later")
    # Deleted, once it is confirmed.
    open_key(page, key)
    expect(page.locator("#title")).to_have_text(key)
    page.click("#delete")
    page.click("dialog >> text=Cancel")
    check(ask(url)[0] == 200, "a delete that was cancelled was done")
    page.click("#delete")
    page.click("#ask-yes")
    expect(page.locator("#outcome")).to_contain_text("Deleted")
    check(ask(url)[0] == 404, "a delete was not done")
    open_key(page, key)
    expect(page.locator("#outcome")).to_contain_text("is absent")


def by_keyboard(page):
    page.focus("#prefix")
    seen = []
    for _ in range(7):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("(e => (e.id || e.textContent) + ' ' + getComputedStyle(e).outlineStyle)(document.activeElement)"))
    check(all(each.endswith("solid") for each in seen), f"the focus cannot be seen everywhere: {seen}")


def on_list(page):
    """Where the node lists keys."""
    page.fill("#prefix", "page/")
    expect(page.locator("#list-note")).not_to_have_text("")
    expect(page.locator("#list button .k")).to_have_text(["up", "bytes", "lines", "mixed", "none"])
    page.focus("#list button")
    page.keyboard.press("Enter")
    expect(page.locator("#list .folder .k")).to_have_text(["page/"])
    check(page.evaluate("document.activeElement.textContent") == "page/", "the focus did not go along")
    page.keyboard.press("Enter")
    expect(page.locator("#list-note")).to_contain_text("4 keys")
    page.uncheck("#fold")
    expect(page.locator("#list button .k")).to_have_text(["page/bytes", "page/lines", "page/mixed", "page/none"])
    page.focus("#list button")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_have_text("page/lines")


def kill(node):
    """Ends one node, whose id stands in the lock of its data directory."""
    os.kill(int(pathlib.Path(data.name, str(node), "lock").read_text().split()[0]), signal.SIGKILL)


def come_back_full(node):
    """Starts a killed node with an empty disk that has no room: it stays a learner. Answers its process."""
    shutil.rmtree(pathlib.Path(data.name, str(node)))
    peers = ",".join(f"{id}={url}" for id, url in urls.items())
    return subprocess.Popen(
        [options.rast, "serve", "--id", str(node), "--listen", urls[node].removeprefix("http://"), "--peers", peers,
         "--data", f"{data.name}/{node}", "--segment-size", str(1 << 20), "--disk-reserve", str(1 << 40)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def on_trouble(browser, page, phone, node, leader):
    """What the others' pages, and its own, say of a node that lost its disk and has no room."""
    for number in range(12):
        check(ask(f"{urls[leader]}/kv/large/{number}", "PUT", bytes(300_000))[0] == 201, "a write was refused")
    process = come_back_full(node)
    try:
        for each in [page, phone]:
            row = each.locator("#members li", has_text=f"Node {node}").first
            expect(row.locator(".pill.trouble")).to_have_text("disk full", timeout=20000)
            expect(row).to_contain_text("learner")
            expect(row).to_contain_text("no vote until it has caught up")
            expect(each.locator("#banner")).to_contain_text(f"Node {node} is out of disk space.")
        picture(page, "learner-full")
        own = visit(browser, node)
        expect(own.locator("#role")).to_have_text("learner")
        expect(own.locator("#banner")).to_contain_text("This node’s disk was lost")
        expect(own.locator("#banner")).to_contain_text(f"Node {node} is out of disk space.")
        expect(own.locator("#members .pill.trouble:visible")).to_have_text(["lost disk"])
        picture(own, "learner-full-itself")
        own.context.close()
    finally:
        process.kill()
        process.wait()


def run(browser):
    until("three nodes with a leader", lambda: all(ask(f"{url}/readyz")[0] == 200 for url in urls.values()))
    leader = status(1)["cluster"]["leader"]["id"]
    others = [node for node in urls if node != leader]
    page = visit(browser, leader)
    on_leader(page, leader)
    on_list(page)
    by_keyboard(page)
    phone = visit(browser, others[0], 360, "dark")
    expect(phone.locator("#role")).to_have_text("follower")
    # A follower asks the leader how far the others have got.
    expect(phone.locator("#members .says", has_text="leads")).to_have_count(1)
    expect(phone.locator("#members .says", has_text="up to date")).to_have_count(1)
    expect(phone.locator("#elsewhere")).to_be_hidden()
    open_key(phone, "page/lines")
    expect(phone.locator("#value")).to_have_value("a\nb\n")
    phone.fill("#value", "from a follower")
    phone.click("#save")
    expect(phone.locator("#outcome")).to_have_text(re.compile("Saved at revision|Do it on the page of node"))
    page.wait_for_timeout(4000)
    picture(page, "leader")
    picture(phone, "follower-phone-dark")
    # One node gone: the leader's page shows who; two gone: the last one says what is wrong, and still reads.
    kill(others[1])
    expect(page.locator("#members .pill.cut")).to_have_count(1, timeout=20000)
    expect(page.locator("#banner")).to_contain_text(f"Node {others[1]} is cut off")
    picture(page, "one-cut-off")
    expect(phone.locator("#banner")).to_contain_text(f"Node {others[1]} is cut off")
    if shutil.disk_usage(data.name).free < 1 << 40:
        on_trouble(browser, page, phone, others[1], leader)
    else:
        print("scripts/check-page: no node can be made full on so large a disk; that part was left out")
    kill(leader)
    expect(page.locator("#banner")).to_contain_text("does not answer", timeout=20000)
    expect(page.locator("#banner a")).to_have_count(2)
    picture(page, "no-answer")
    expect(phone.locator("#banner")).to_contain_text("Nobody leads: writes are refused", timeout=30000)
    expect(phone.locator("#banner")).to_contain_text("No majority")
    open_key(phone, "page/bytes")
    # What was typed before is not lost without a word.
    if phone.locator("dialog[open]").count():
        phone.click("#ask-yes")
    expect(phone.locator("#title")).to_have_text("page/bytes")
    phone.click("#save")
    expect(phone.locator("#outcome")).to_contain_text("Nothing was changed")
    picture(phone, "no-quorum-phone-dark")
    wide = visit(browser, others[0])
    expect(wide.locator("#members .pill.cut")).to_have_count(2, timeout=10000)
    wide.wait_for_timeout(2000)
    picture(wide, "no-quorum")


try:
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            # Chromium refuses to be sandboxed as root.
            args=["--no-sandbox"] if os.getuid() == 0 else [])
        try:
            run(browser)
        finally:
            browser.close()
    check(not faults, "the browser complains:\n" + "\n".join(faults))
    print("scripts/check-page: green")
finally:
    cluster.send_signal(signal.SIGINT)
    try:
        cluster.wait(15)
    except subprocess.TimeoutExpired:
        cluster.kill()
    data.cleanup()
