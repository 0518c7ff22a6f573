"""What dashboards are made of: panels, rows, variables, in Grafana's JSON. Knows no metric.

A panel is a dictionary as Grafana reads it, but for its place: `lay_out` gives ids and positions.
"""

from source.links import runbook

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
LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
# Lines that agree in their labels become one.
MERGED = {"id": "merge", "options": {}}
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


def stat(title, description, queries, unit="short", steps=PLAIN, mappings=(), **place):
    """One number, or one for each series."""
    options = {
        "reduceOptions": LAST,
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    field = field_of(unit, steps, mappings=list(mappings))
    return panel("stat", title, description, queries, options, field, **{"width": 3, "height": 4, **place})


def bars(title, description, queries, unit="percentunit", steps=USAGE, top=None, links=(), **place):
    """Horizontal bars, one for each series, from 0 to `top`."""
    options = {
        "reduceOptions": LAST,
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
    field = field_of(unit, steps, min=0, max=top, links=list(links) or None)
    return panel("bargauge", title, description, queries, options, field, **place)


def graph(
    title,
    description,
    queries,
    unit="short",
    steps=None,
    least=None,
    top=None,
    decimals=None,
    is_stacked=False,
    has_bars=False,
    **place,
):
    """Curves over time; `steps` are drawn as dashed lines."""
    custom = {
        "drawStyle": "bars" if has_bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if has_bars else 25 if is_stacked else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if is_stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
        "axisPlacement": "auto",
    }
    field = field_of(unit, steps or PLAIN, "palette-classic", custom=custom, min=least, max=top, decimals=decimals)
    options = {"legend": legend(shown=True), "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, queries, options, field, **place)


def states(title, description, queries, mappings, **place):
    """What was the case, and when."""
    options = {
        "showValue": "never",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": legend(shown=True),
        "tooltip": {"mode": "single", "sort": "none"},
    }
    field = field_of("none", PLAIN, mappings=mappings, custom={"fillOpacity": 70, "lineWidth": 0})
    return panel("state-timeline", title, description, queries, options, field, **place)


def table(title, description, queries, columns, unit="short", sort=None, shaped_by=MERGED, **place):
    """`columns` names the fields that are shown, in order, and what stands above them. What is said of a
    column is said of the name that stands above it."""
    known = ["Time", "job", "Value", *(f"Value #{letter(number)}" for number in range(len(queries)))]
    organized = {
        "id": "organize",
        "options": {
            "excludeByName": {name: True for name in known if name not in columns},
            "indexByName": {name: number for number, name in enumerate(columns)},
            "renameByName": dict(columns),
        },
    }
    options = {"frameIndex": 0, "showHeader": True, "cellHeight": "sm"}
    if sort:
        options["sortBy"] = [{"displayName": sort[0], "desc": sort[1]}]
    field = field_of(unit, PLAIN, custom={"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False})
    made = panel("table", title, description, queries, options, field, **{"height": 9, **place})
    return {**made, "transformations": [shaped_by, organized]}


def matrix(row, column_of):
    """A table with a line for each value of one label and a column for each value of another."""
    fields = {"rowField": row, "columnField": column_of, "valueField": "Value", "emptyValue": "null"}
    return {"id": "groupingToMatrix", "options": fields}


def panel(kind, title, description, queries, options, field, width=12, height=8, overrides=(), alert=None):
    """What all panels share. `alert` is the one that watches the same numbers."""
    targets = [{**target, "refId": letter(number)} for number, target in enumerate(queries)]
    made = {
        "type": kind,
        "title": title,
        "description": " ".join(description.split()),
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": field, "overrides": list(overrides)},
        "options": options,
        "gridPos": {"w": width, "h": height},
    }
    return made if alert is None else {**made, "links": [link("Runbook", runbook(alert), is_new_tab=True)]}


def field_of(unit, steps, colour="thresholds", **more):
    """How values look; what is `None` stays Grafana's choice."""
    looks = {"unit": unit, "mappings": [], "thresholds": thresholds(steps), "color": {"mode": colour}, **more}
    return {name: value for name, value in looks.items() if value is not None}


def letter(place):
    """What Grafana calls the query at this place of its panel."""
    return chr(ord("A") + place)


def repeated(made, variable, per_row):
    """The panel once for each value of a variable, side by side on a line of their own."""
    place = {**made["gridPos"], "w": COLUMNS}
    return {**made, "gridPos": place, "repeat": variable, "repeatDirection": "h", "maxPerRow": per_row}


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
    return curves(
        ref, custom__lineStyle={"fill": "dash", "dash": [8, 8]}, custom__fillOpacity=0, custom__drawStyle="line"
    )


def coloured(steps):
    """The cell has the colour of its value."""
    return {"custom__cellOptions": {"type": "color-background", "mode": "basic"}, "thresholds": thresholds(steps)}


def thresholds(steps):
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}


def legend(shown):
    return {"showLegend": shown, "displayMode": "list", "placement": "bottom", "calcs": []}


def words(*pairs):
    """Numbers shown as words: value, word, colour."""
    shown = {
        str(value): {"text": word, "color": colour, "index": place} for place, (value, word, colour) in enumerate(pairs)
    }
    return [{"type": "value", "options": shown}]


def link(title, url, is_new_tab=False, icon="external link"):
    """A link above a dashboard or in a panel's head."""
    return {
        "type": "link",
        "title": title,
        "url": url,
        "icon": icon,
        "tooltip": title,
        "targetBlank": is_new_tab,
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
