create table signup (
    id integer generated always as identity primary key,
    name text not null
);

create table tag (
    name text primary key
);

insert into tag (name) values ('newsletter');
