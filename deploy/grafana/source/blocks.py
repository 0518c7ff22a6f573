"""What dashboards are made of: panels, rows, variables, in Grafana's JSON. Knows no metric.

A panel is a dictionary as Grafana reads it, but for its place: `lay_out` gives ids and positions.
"""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
# Prometheus is told to scrape once a minute, and `$__rate_interval` is made from this.
SCRAPE_INTERVAL = "1m"

GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
# From here on the alerts say almost full, nearly full, full.
USAGE = [(None, GREEN), (0.8, YELLOW), (0.95, ORANGE), (1, RED)]
NONE_IS_GOOD = [(None, GREEN), (1, RED)]
PLAIN = [(None, BLUE)]
DAY = 86_400
RUNWAY = [(None, RED), (14 * DAY, YELLOW), (30 * DAY, GREEN)]


def query(expr, legend="__auto", instant=False, table=False):
    """One query. Without `instant` it is asked over the time range of the dashboard."""
    target = {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": " ".join(expr.split()),
        "format": "table" if table else "time_series",
        "instant": instant or table,
        "range": not (instant or table),
        "legendFormat": legend,
    }
    return target if instant or table else {**target, "interval": SCRAPE_INTERVAL}


def rows_of(expr):
    """A query whose series become rows of a table, with labels and `Value` as columns."""
    return query(expr, table=True)


def now(expr, legend="__auto"):
    """A query for the present alone."""
    return query(expr, legend, instant=True)


def stat(title, description, queries, unit="short", steps=PLAIN, width=3, height=4, mappings=None, text="auto"):
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": text,
        "wideLayout": True,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    defaults = {"unit": unit, "mappings": mappings or [], "thresholds": thresholds(steps), "color": {"mode": "thresholds"}}
    return panel("stat", title, description, queries, width, height, options, defaults)


def bars(title, description, queries, unit="percentunit", steps=USAGE, width=12, height=12, top=None, links=None):
    """Horizontal bars, one for each series."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "gradient",
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "showUnfilled": True,
        "legend": legend(shown=False),
    }
    defaults = {"unit": unit, "min": 0, "mappings": [], "thresholds": thresholds(steps), "color": {"mode": "thresholds"}}
    if top is not None:
        defaults["max"] = top
    if links:
        defaults["links"] = links
    return panel("bargauge", title, description, queries, width, height, options, defaults)


def graph(title, description, queries, unit="short", width=12, height=8, overrides=(), **style):
    """Curves over time. `style` sets what is special of `bars`, `stacked`, `steps`, `least`, `top`, `decimals`."""
    steps = style.get("steps")
    custom = {
        "drawStyle": "bars" if style.get("bars") else "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if style.get("bars") else 25 if style.get("stacked") else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if style.get("stacked") else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        "axisPlacement": "auto",
    }
    defaults = {
        "unit": unit,
        "custom": custom,
        "mappings": [],
        "thresholds": thresholds(steps or PLAIN),
        "color": {"mode": "palette-classic"},
    }
    for key, name in [("least", "min"), ("top", "max"), ("decimals", "decimals")]:
        if key in style:
            defaults[name] = style[key]
    options = {
        "legend": legend(shown=True),
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, queries, width, height, options, defaults, overrides)


def states(title, description, queries, mappings, width=12, height=8):
    """What was the case, and when."""
    options = {
        "showValue": "never",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": legend(shown=True),
        "tooltip": {"mode": "single", "sort": "none"},
    }
    defaults = {
        "unit": "none",
        "custom": {"fillOpacity": 70, "lineWidth": 0},
        "mappings": mappings,
        "thresholds": thresholds(PLAIN),
        "color": {"mode": "thresholds"},
    }
    return panel("state-timeline", title, description, queries, width, height, options, defaults)


def table(title, description, queries, columns, unit="short", sort=None, transformations=None, overrides=(), width=12, height=9):
    """`columns` names the fields that are shown, in order, and what stands above them. What is said of a
    column is said of the name that stands above it."""
    known = ["Time", "job", "Value", *(f"Value #{letter(place)}" for place in range(len(queries)))]
    organized = {
        "id": "organize",
        "options": {
            "excludeByName": {name: True for name in known if name not in columns},
            "indexByName": {name: place for place, name in enumerate(columns)},
            "renameByName": dict(columns),
        },
    }
    shaped = transformations if transformations is not None else [{"id": "merge", "options": {}}]
    options = {
        "frameIndex": 0,
        "showHeader": True,
        "cellHeight": "sm",
    }
    if sort:
        options["sortBy"] = [{"displayName": sort[0], "desc": sort[1]}]
    defaults = {
        "unit": unit,
        "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
        "mappings": [],
        "thresholds": thresholds(PLAIN),
        "color": {"mode": "thresholds"},
    }
    made = panel("table", title, description, queries, width, height, options, defaults, overrides)
    return {**made, "transformations": [*shaped, organized]}


def panel(kind, title, description, queries, width, height, options, defaults, overrides=()):
    """What all panels share."""
    targets = [{**target, "refId": letter(place)} for place, target in enumerate(queries)]
    return {
        "type": kind,
        "title": title,
        "description": " ".join(description.split()),
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        "gridPos": {"w": width, "h": height},
    }


def letter(place):
    """What Grafana calls the query at this place of its panel."""
    return chr(ord("A") + place)


def repeated(made, variable, per_row):
    """The panel once for each value of a variable, side by side on a line of their own."""
    place = {**made["gridPos"], "w": COLUMNS}
    return {**made, "gridPos": place, "repeat": variable, "repeatDirection": "h", "maxPerRow": per_row}


def explained(made, title, url):
    """The panel with a link to what to do about it."""
    return {**made, "links": [link(title, url, blank=True)]}


def column(name, **properties):
    """How one column or curve differs. `__` in the name of a property stands for a dot."""
    said = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": said}


def curves(ref, **properties):
    """How all curves of one query differ."""
    said = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byFrameRefID", "options": ref}, "properties": said}


def dashed(ref):
    """Drawn as a bound: a dashed line without area."""
    return curves(ref, custom__lineStyle={"fill": "dash", "dash": [8, 8]}, custom__fillOpacity=0, custom__drawStyle="line")


def coloured(steps):
    """The cell has the colour of its value."""
    return {"custom__cellOptions": {"type": "color-background", "mode": "basic"}, "thresholds": thresholds(steps)}


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}


def legend(shown):
    return {"showLegend": shown, "displayMode": "list", "placement": "bottom", "calcs": []}


def words(*pairs):
    """Numbers shown as words: value, word, colour."""
    shown = {str(value): {"text": word, "color": colour, "index": place} for place, (value, word, colour) in enumerate(pairs)}
    return [{"type": "value", "options": shown}]


def link(title, url, blank=False, icon="external link"):
    """A link above a dashboard or in a panel's head."""
    return {
        "type": "link",
        "title": title,
        "url": url,
        "icon": icon,
        "tooltip": title,
        "targetBlank": blank,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
    }


def lay_out(rows):
    """Rows of (title, collapsed, panels) in Grafana's grid of 24 columns: left to right, then down."""
    placed, number, y = [], 0, 0
    for title, collapsed, panels in rows:
        number += 1
        row = {
            "type": "row",
            "id": number,
            "title": title,
            "collapsed": collapsed,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        placed.append(row)
        y += 1
        x = tallest = 0
        for made in panels:
            width, height = made["gridPos"]["w"], made["gridPos"]["h"]
            if x + width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            at = {**made, "id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}}
            (row["panels"] if collapsed else placed).append(at)
            x, tallest = x + width, max(tallest, height)
        y += tallest
    return placed
