create table invitation (
    id integer generated always as identity primary key,
    name text not null
);
