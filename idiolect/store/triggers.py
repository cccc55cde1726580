"""What the database itself does when a record comes, goes or changes: no vector of a text that is not kept, and none forgotten."""

from __future__ import annotations

KEY = "printf(',%011d', OLD.key)"
AT, SIZE = f"((instr(members, {KEY}) - 1) / 12)", "(12 * length(data) / length(members))"  # which vector it is; bytes of each
TAKE_OUT = f"""UPDATE vectors SET edition = edition + 1, members = replace(members, {KEY}, ',00000000000'), data = CAST(
substr(data, 1, {AT} * {SIZE}) || zeroblob({SIZE}) || substr(data, ({AT} + 1) * {SIZE} + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, {KEY});"""
MARK = "INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING;"
SQLITE = (  # whoever writes records, and however
    f"CREATE TRIGGER record_came AFTER INSERT ON records BEGIN {MARK} END",
    f"CREATE TRIGGER record_went AFTER DELETE ON records BEGIN {TAKE_OUT} END",
    f"CREATE TRIGGER record_changed AFTER UPDATE OF user, prompt, answer ON records BEGIN {TAKE_OUT} {MARK} END",
)

_TAKE_OUT = """
CREATE FUNCTION take_out_vector() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  mine text := ',' || lpad(OLD.key::text, 11, '0');
BEGIN
  UPDATE vectors SET edition = edition + 1, members = replace(members, mine, ',00000000000'),
    data = overlay(data PLACING decode(repeat('00', 12 * length(data) / length(members)), 'hex')
                   FROM (strpos(members, mine) - 1) / 12 * (12 * length(data) / length(members)) + 1)
    WHERE "user" = OLD."user" AND strpos(members, mine) > 0;
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO stale SELECT key, NEW."user" FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$"""
_MARK = """
CREATE FUNCTION mark_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale SELECT DISTINCT spaces.key, came."user" FROM spaces CROSS JOIN came WHERE spaces.role <> 'leaving'
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$"""
POSTGRES = (
    _TAKE_OUT,
    _MARK,
    "CREATE TRIGGER record_came AFTER INSERT ON records REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION mark_stale()",
    "CREATE TRIGGER record_went AFTER DELETE ON records FOR EACH ROW EXECUTE FUNCTION take_out_vector()",
    'CREATE TRIGGER record_changed AFTER UPDATE OF "user", prompt, answer ON records FOR EACH ROW EXECUTE FUNCTION take_out_vector()',
)
