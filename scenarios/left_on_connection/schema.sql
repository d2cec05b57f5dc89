-- Whose a note is comes from the setting that the application makes for each request.
create table note (
    id integer generated always as identity primary key,
    author text not null,
    tenant text not null default coalesce(current_setting('app.tenant', true), '')
);
