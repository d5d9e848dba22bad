"""Templates and expressions at random, for test_jinja.py: most of them do something, many fail."""

NAMES = ["n", "x", "s", "d", "l", "words", "none_", "t", "neg", "empty", "messages", "nested", "undefined_", "html"]
LITERALS = [
    "0", "1", "2", "-1", "3", "1.5", "-2.5", "0.1", "100", "1e3", "''", "'a'", "'ab cd'", "\"it's\"", "'x\\ny'", "' pad '",
    "'é€😀'", "'Straight A'", "none", "true", "false", "[]", "{}", "()", "[1,2,3]", "['b','A','c']", "{'a':1,'b':[2]}",
    "(1,'x')", "[[2,1],[1]]", "{'k':{'v':'w'}}", "[none,1]", "'1.50'", "'-7'", "[1.5,2]", "'<b>&'", "{1:'one'}"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
ATTRIBUTES = ["role", "content", "a", "b", "k", "items", "x", "upper", "0", "1"]
KEYS = ["0", "-1", "1", "5", "'a'", "'role'", "'k'"]
FILTERS = [
    "upper", "lower", "trim", "title", "capitalize", "length", "first", "last", "list", "string", "int", "float", "abs",
    "round", "join", "sort", "reverse", "unique", "tojson", "sum", "min", "max", "items", "dictsort", "wordcount", "e",
    "default", "select", "reject", "indent", "count", "safe", "urlencode", "join(',')", "default('D')",
    "default('D',true)", "replace('a','b')", "replace('l','')", "truncate(5)", "truncate(5,true,leeway=0)", "indent(2)",
    "indent(1,true,true)", "center(9)", "int(7)", "float(1)", "round(1)", "round(0,'ceil')", "round(1,'floor')",
    "batch(2)|list", "slice(2)|list", "batch(2,'f')|list", "sort(reverse=true)", "sort(attribute=0)", "map('upper')|list",
    "map('string')|join", "map(attribute='role')|list", "map(attribute='0')|list", "map('length')|list",
    "selectattr('role','equalto','user')|list", "select('string')|list", "select('gt',1)|list", "rejectattr('role')|list",
    "tojson(indent=2)", "sum(start=1)", "unique(true)|list", "min(true)", "max(attribute='0')", "dictsort(by='value')",
    "dictsort(true)", "dictsort(reverse=true)", "groupby('role')|list", "groupby(0)|list", "format(1,'b')", "trim('ab')",
    "list|reverse|list", "map('trim')|map('upper')|list", "map('default','z')|list", "first|default", "items|list",
    "attr('nope')", "tojson(sort_keys=true)", "tojson(ensure_ascii=true)", "forceescape", "e|e", "truncate(3,false,'')"]
TESTS = [
    "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping",
    "iterable", "sequence", "callable", "odd", "even", "lower", "upper", "divisibleby(2)", "eq(1)", "ne('a')", "lt(2)",
    "gt(x)", "in([1,'a'])", "in('abc')", "ge(1)", "sameas(none)"]
METHODS = [
    "upper()", "lower()", "strip()", "lstrip()", "rstrip()", "split()", "splitlines()", "title()", "capitalize()",
    "isdigit()", "isalpha()", "isupper()", "islower()", "isspace()", "items()", "keys()", "values()", "isalnum()",
    "rsplit()", "split(',')", "split('a',1)", "split(none,1)", "rsplit(none,1)", "rsplit('a',1)", "replace('a','zz')",
    "replace('','.')", "find('a')", "rfind('a')", "count('a')", "startswith('a')", "endswith(('d','a'))", "strip('a ')",
    "lstrip('a')", "rstrip('d ')", "get('a')", "get('q',0)", "get('k',{}).get('v')", "join(['1','2'])", "zfill(6)",
    "center(7,'*')", "ljust(5)", "rjust(5)", "partition('b')", "rpartition(' ')", "removeprefix('a')",
    "removesuffix('d')", "splitlines(true)", "format(1)", "index('a')", "index(1)", "count(1)", "find('',2)",
    "startswith('b',1)", "find('a',-3,-1)", "count('',1)"]
FORMATS = [
    "'%s' % ({})", "'%d' % ({})", "'%.2f' % ({})", "'%r' % [{}]", "'%05d' % ({})", "'{{}}'.format({})",
    "'{{:>4}}'.format({})", "dict(a={})", "dict({})", "namespace(v={}).v", "-({})", "+({})", "range({})|list", "[{}]",
    "({},)", "{{'a': {}}}", "({})[1:]", "({})[::-1]", "({})[-2::2]", "({})[:1]"]


class Grammar:
    """One template of a random generator."""

    def __init__(self, random):
        self.random = random

    def atom(self, depth):
        """A name, a literal, or something in brackets."""
        if depth <= 0 or self.random.random() < .3:
            return self.random.choice(NAMES if self.random.random() < .6 else LITERALS)
        return f"({self.expression(depth - 1)})"

    def expression(self, depth):
        """Something with a value, or without one."""
        one, choice = self.atom(depth), self.random.choice
        forms = [
            lambda: one,
            lambda: f"{one} {choice(OPERATORS)} {self.atom(depth)}",
            lambda: f"{one} {choice(OPERATORS)} {self.atom(depth)}",
            lambda: f"not {one}",
            lambda: f"({one} if {self.atom(depth)} else {self.atom(depth)})",
            lambda: f"({one}).{choice(ATTRIBUTES)}",
            lambda: f"({one})[{choice([*KEYS, self.atom(depth)])}]",
            lambda: f"({one})|{choice(FILTERS)}",
            lambda: f"({one})|{choice(FILTERS)}",
            lambda: f"({one}) is {choice(['', 'not '])}{choice(TESTS)}",
            lambda: f"({one}).{choice(METHODS)}",
            lambda: f"({one}).{choice(METHODS)}",
            lambda: choice(FORMATS).format(one),
        ]
        return choice(forms)()

    def space(self):
        """What stands between tags."""
        return self.random.choice(["", " ", "\n", "  \n  ", "\t", "x", "x\n", "\n  ", "a b", "\r\n"])

    def tag(self, words):
        """A statement with any of the signs."""
        choice = self.random.choice
        return f"{choice(['{%', '{%', '{%-', '{%+'])} {words} {choice(['%}', '%}', '-%}', '+%}'])}"

    def printed(self, depth=2):
        """{{ }}"""
        choice = self.random.choice
        return f"{choice(['{{', '{{-'])} {self.expression(depth)} {choice(['}}', '-}}'])}"

    def loop(self, depth):
        """for, with what a loop knows."""
        choice, name = self.random.choice, self.random.choice(["i", "x", "k"])
        over = choice(["l", "words", "messages", "d", "range(3)", "'ab'", "nested", self.expression(1)])
        knows = choice(["index", "first", "last", "revindex0", "length", "previtem", "nextitem"])
        jump = self.tag(f"if {self.expression(1)}") + self.tag(choice(["break", "continue"])) + self.tag("endif")
        return (self.tag(f"for {name} in {over}" + choice(["", "", f" if {self.expression(1)}"])) + self.body(depth - 1) +
                choice(["", jump]) + f"{{{{ {name} }}}}{{{{ loop.{knows} }}}}" +
                choice(["", self.tag("else") + self.body(depth - 1)]) + self.tag("endfor"))

    def condition(self, depth):
        """if, elif, else."""
        choice = self.random.choice
        return (self.tag(f"if {self.expression(1)}") + self.body(depth - 1) +
                choice(["", self.tag(f"elif {self.expression(1)}") + self.body(depth - 1)]) +
                choice(["", self.tag("else") + self.body(depth - 1)]) + self.tag("endif"))

    def macro(self, depth):
        """A macro and a call of it."""
        call = self.random.choice(["", "1", "1, 2", "b=3", "a=4, b=n", "l|length"])
        return (self.tag(f"macro f(a, b={self.expression(1)})") + self.body(depth - 1) + "{{ a }}{{ b }}" +
                self.tag("endmacro") + f"{{{{ f({call}) }}}}")

    def pairs(self, depth):
        """for, over what comes in pairs."""
        over = self.random.choice(["d.items()", "d|dictsort", "[(1,2),(3,4)]", "{}|items", "d|items"])
        return self.tag(f"for a, b in {over}") + "{{a}}{{b}}" + self.body(depth - 1) + self.tag("endfor")

    def captured(self, depth):
        """What prints into something."""
        choice = self.random.choice
        if choice([True, False]):
            return self.tag("set y") + self.body(depth - 1) + self.tag("endset") + "{{ y }}"
        name = choice(["upper", "trim", "indent(1)", "replace('a','b')", "length", "e"])
        return self.tag(f"filter {name}") + self.body(depth - 1) + self.tag("endfilter")

    def statement(self, depth):
        """One of them."""
        choice = self.random.choice
        forms = [
            self.printed, self.printed,
            lambda: self.loop(depth), lambda: self.condition(depth), lambda: self.macro(depth), lambda: self.pairs(depth),
            lambda: self.captured(depth),
            lambda: self.tag(f"set {choice(['x', 'y', 'n', 's'])} = {self.expression(2)}"),
            lambda: self.tag("set ns = namespace(v=0)") + self.tag(f"set ns.v = {self.expression(2)}") + "{{ ns.v }}",
            lambda: self.tag(f"with x={self.expression(1)}, y=n") + self.body(depth - 1) + self.tag("endwith"),
            lambda: choice(["{# c #}", "{#- c -#}", "{#- c #}\n", "{% raw %} {{ n }} {% endraw %}",
                            "{%- raw -%}\n x\n{%- endraw -%}", "  {# x #}\n"]),
        ]
        return self.space() + (choice(forms) if depth > 0 else self.printed)() + self.space()

    def body(self, depth):
        """A few statements."""
        return "".join(self.statement(depth) for _ in range(self.random.randrange(1, 4)))

    def template(self, single):
        """A single expression, or statements."""
        return f"{{{{ {self.expression(3)} }}}}" if single else self.body(3)
